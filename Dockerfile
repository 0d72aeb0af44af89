# The production image: the adapter, its runtime dependencies, nothing else. Runs as a user without rights, and on a
# read-only root file system. A registry that needs its own CA or settings: give pip's configuration and the CA bundle as build secrets,
#   docker build --secret id=pip.conf,src=$HOME/.config/pip/pip.conf --secret id=ca.crt,src=/path/to/ca.crt .
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS build
COPY requirements/runtime.txt /tmp/requirements.txt
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca.crt,target=/tmp/ca.crt \
    if [ -s /tmp/ca.crt ]; then export PIP_CERT=/tmp/ca.crt; fi; \
    python3 -m venv /venv \
    && /venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /tmp/requirements.txt \
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
