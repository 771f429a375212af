# A node in a container: docker build -t revurb . && docker run -p 8080:8080 --env-file .env revurb
FROM python:3.12-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN python -m venv /opt/revurb && /opt/revurb/bin/pip install --no-cache-dir '.[webhooks]'

FROM python:3.12-slim
COPY --from=build /opt/revurb /opt/revurb
ENV PATH=/opt/revurb/bin:$PATH
RUN useradd --system revurb
USER revurb
WORKDIR /tmp
EXPOSE 8080
HEALTHCHECK --interval=10s --start-period=30s CMD ["revurb", "health"]
# Revurb is PID 1: it gets SIGTERM and drains.
ENTRYPOINT ["revurb"]
CMD ["serve"]
