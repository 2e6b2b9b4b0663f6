# Operator and worker. Nothing but this file and an index of Python packages is needed:
#   docker build -t pipelinerun .
# Your own packages go on top: FROM pipelinerun, then RUN pip install (docs/images.md).
ARG BASE_IMAGE=python:3.12-slim

# Empty. A folder with wheels may take its place where there is no index:
#   --build-context wheels=FOLDER --build-arg PIP_NO_INDEX=1
FROM scratch AS wheels

# Dependencies alone: this layer changes with requirements.lock.
FROM ${BASE_IMAGE} AS dependencies
ARG PIP_NO_INDEX=""
ENV PIP_FIND_LINKS=/wheels PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ONLY_BINARY=:all: PIP_NO_COMPILE=1
COPY requirements.lock /build/
# Bytecode is made here, once: under a read-only root every process would compile all of it anew.
RUN --mount=type=bind,from=wheels,target=/wheels \
    python3 -m venv /build/tools && python3 -m venv --without-pip /opt/venv && \
    /build/tools/bin/pip --python /opt/venv/bin/python install --quiet --require-hashes \
        -r /build/requirements.lock && \
    standard=$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))') && \
    { /opt/venv/bin/python -m compileall -q -j 0 /opt/venv/lib "$standard" >/dev/null || true; }

# The program, as a folder of its own.
FROM dependencies AS program
ARG PIP_NO_INDEX=""
COPY pyproject.toml README.md LICENSE /build/source/
COPY operator /build/source/operator
RUN --mount=type=bind,from=wheels,target=/wheels \
    /build/tools/bin/pip install --quiet hatchling && \
    /build/tools/bin/pip wheel --quiet --no-deps --no-build-isolation -w /build /build/source && \
    /build/tools/bin/pip --python /opt/venv/bin/python install --quiet --no-deps --target /opt/app \
        /build/*.whl && \
    /opt/venv/bin/python -m compileall -q /opt/app

FROM ${BASE_IMAGE}
ARG VERSION=""
ARG REVISION=""
LABEL org.opencontainers.image.title="pipelinerun-operator" \
      org.opencontainers.image.description="Runs data pipelines on Ray: operator and worker" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# For code from Git over ssh. A base without apt does without it, or brings its own.
RUN if ! command -v ssh >/dev/null && command -v apt-get >/dev/null; then \
        apt-get update -qq && \
        apt-get install -qq -y --no-install-recommends openssh-client >/dev/null && \
        rm -rf /var/lib/apt/lists/*; \
    fi
# A number is what runAsNonRoot asks for; some libraries want a name to it.
RUN echo 'pipelinerun:x:10001:10001::/tmp:/usr/sbin/nologin' >> /etc/passwd && \
    echo 'pipelinerun:x:10001:' >> /etc/group
COPY --from=dependencies /opt/venv /opt/venv
COPY --from=program /opt/app /opt/app
ENV PATH=/opt/app/bin:/opt/venv/bin:$PATH PYTHONPATH=/opt/app HOME=/tmp \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /tmp
USER 10001:10001
ENTRYPOINT ["pipelinerun"]
