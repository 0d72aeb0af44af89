# The production image: the adapter, its runtime dependencies, nothing else. It runs as a user without rights, on a
# read-only root file system. Where packages come through a registry with a CA of its own, put that CA's bundle into
# config/build-ca.crt before building; pip's other settings can be given as build arguments (PIP_INDEX_URL …).
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS build
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
# The brackets let the file be missing.
COPY requirements/runtime.txt config/build-ca.cr[t] /build/
RUN if [ -f /build/build-ca.crt ]; then export PIP_CERT=/build/build-ca.crt; fi \
    && python3 -m venv /venv \
    && /venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /build/runtime.txt \
    && /venv/bin/python -m pip uninstall --yes --quiet setuptools pip
COPY adapter /app/adapter
RUN /venv/bin/python -m compileall -q /app/adapter

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="MQTT-to-Kafka adapter"
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
USER 10001:10001
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
EXPOSE 1883 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["python3", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ.get('ADAPTER_HTTP__PORT', '8080') + '/livez', timeout=2)"]
ENTRYPOINT ["python3", "-m", "adapter"]
CMD ["run"]
