# syntax=docker/dockerfile:1
# One image with the three programs; the command says which of them a container runs.

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# Without the feature `embedded-llm`: a fleet shares one model service instead of holding a model in every process.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --no-default-features \
      -p botticelli -p botticelli-scheduler -p botticelli-workers \
 && install -D -t /out target/release/botticelli target/release/botticelli-scheduler target/release/botticelli-worker

FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/ /usr/local/bin/
COPY config/ /etc/botticelli/
ENV BOTTICELLI_CONFIG=/etc/botticelli/botticelli.toml \
    BOTTICELLI_DATA_DIR=/var/lib/botticelli
# By number, so that an orchestrator can see that it is not root.
USER 10001:10001
CMD ["botticelli", "--help"]
