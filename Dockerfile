# The production image: the adapter and its locked runtime dependencies, nothing else. The user has no rights, and
# nothing is written: it runs on a read-only root file system.
#
#   docker build -t mqtt-kafka-adapter .
#
# Where packages come through a registry with an authority of its own, copy that authority's certificates (PEM) to
# config/build-ca.crt. pip's PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, PIP_TRUSTED_HOST and PIP_DEFAULT_TIMEOUT are build
# arguments. None of that is in the image: only the first stage sees it.
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS build
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
ARG PIP_DEFAULT_TIMEOUT=60
# The brackets let the file be missing.
COPY requirements/runtime.txt config/build-ca.cr[t] /build/
RUN if [ -f /build/build-ca.crt ]; then export PIP_CERT=/build/build-ca.crt; fi \
    && python -m venv /venv \
    && /venv/bin/python -m pip install --no-cache-dir --no-compile --disable-pip-version-check --no-deps --require-hashes \
        -r /build/runtime.txt \
    && /venv/bin/python -m pip uninstall --yes --quiet setuptools pip
COPY adapter /app/adapter
# Nothing can be compiled on a read-only file system. Unchecked: bytecode that holds whatever a copy does to file times.
RUN /venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /venv/lib /app

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="MQTT-to-Kafka adapter" \
      org.opencontainers.image.description="MQTT publishes into Apache Kafka, in order, acknowledged when Kafka has them"
COPY --from=build /venv /venv
COPY --from=build /app /app
# PYTHONSAFEPATH: code comes from these two folders, not from the working directory.
ENV PATH=/venv/bin:$PATH PYTHONPATH=/app PYTHONSAFEPATH=1 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /app
# By number, so that Kubernetes can tell that it is not root.
USER 10001:10001
EXPOSE 1883 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["python", "-m", "adapter.health"]
ENTRYPOINT ["python", "-m", "adapter"]
CMD ["run"]
