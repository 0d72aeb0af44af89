# The production image: the adapter and its locked runtime dependencies, nothing else. It runs as an unprivileged user
# and writes no files, so its root file system can be read-only.
#
#   docker build -t mqtt-kafka-adapter .
#
# If your package index has a private certificate authority, copy its certificates (PEM) to config/build-ca.crt. pip's
# PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, PIP_TRUSTED_HOST and PIP_DEFAULT_TIMEOUT are build arguments. Only the first stage
# sees them; the image contains none of them.
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS build
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
ARG PIP_DEFAULT_TIMEOUT=60
# The brackets make a glob, so that the file may be missing.
COPY requirements/runtime.txt config/build-ca.cr[t] /build/
RUN if [ -f /build/build-ca.crt ]; then export PIP_CERT=/build/build-ca.crt; fi \
    && python -m venv /venv \
    && /venv/bin/python -m pip install --no-cache-dir --no-compile --disable-pip-version-check --no-deps --require-hashes \
        -r /build/runtime.txt \
    && /venv/bin/python -m pip uninstall --yes --quiet setuptools pip
COPY adapter /app/adapter
# Bytecode cannot be written on a read-only file system later. Unchecked, it stays valid when copying changes file times.
RUN /venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /venv/lib /app

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="MQTT-to-Kafka adapter" \
      org.opencontainers.image.description="MQTT publishes into Apache Kafka, in order, acknowledged when Kafka has them"
COPY --from=build /venv /venv
COPY --from=build /app /app
# PYTHONSAFEPATH: never import from the working directory.
ENV PATH=/venv/bin:$PATH PYTHONPATH=/app PYTHONSAFEPATH=1 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /app
# Numeric, so that Kubernetes can verify that it is not root.
USER 10001:10001
EXPOSE 1883 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["python", "-m", "adapter.health"]
ENTRYPOINT ["python", "-m", "adapter"]
CMD ["run"]
