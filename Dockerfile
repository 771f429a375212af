# A node in a container: docker build -t revurb . && docker run -p 8080:8080 --env-file .env revurb
# The interpreter of these images is built with profile-guided and link-time optimization.
ARG PYTHON=3.13
FROM python:${PYTHON}-slim AS build
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN python -m venv /opt/revurb \
    && /opt/revurb/bin/pip install --no-cache-dir '.[webhooks,sql,encryption]' \
    && /opt/revurb/bin/python -m compileall -q /opt/revurb

FROM python:${PYTHON}-slim
LABEL org.opencontainers.image.title="Revurb" \
      org.opencontainers.image.description="A self-hosted Pusher server" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/revurb /opt/revurb
# A number, so that Kubernetes can see that it is not root. The folder of the configuration is root's, and that of the
# control socket belongs to nobody else.
RUN groupadd --gid 65532 revurb \
    && useradd --uid 65532 --gid 65532 --no-create-home --home-dir /srv/revurb --shell /usr/sbin/nologin revurb \
    && install -d -m 0755 /srv/revurb \
    && install -d -m 0700 -o 65532 -g 65532 /run/revurb
ENV PATH=/opt/revurb/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    REVURB_RUNTIME_DIR=/run/revurb \
    REVURB_LOG_FORMAT=json
USER 65532:65532
WORKDIR /srv/revurb
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["revurb", "health"]
# Revurb is PID 1: it gets SIGTERM and drains.
ENTRYPOINT ["revurb"]
CMD ["serve"]
