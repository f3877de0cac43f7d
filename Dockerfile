# syntax=docker/dockerfile:1.7
# The worker as an image. `docker build --build-arg COMMIT=$(git rev-parse --short=12 HEAD) --tag bluestage .`
#
#   --target minimal   the program and nothing else: no shell, so no test commands on it; for its other verbs
#   (the default)      with a shell, to which you add the tools of your tests: FROM bluestage, then RUN apt-get …
#
# For a release give every base its digest as well: docker buildx imagetools inspect tells it.

FROM rust:1.95.0-bookworm AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /build
ARG COMMIT=unknown
ENV BLUESTAGE_COMMIT=${COMMIT}
# What is compiled, and nothing else, so that a change of a page or a test builds nothing anew.
COPY Cargo.toml Cargo.lock ./
COPY src src
COPY tests tests
COPY examples examples
COPY benches benches
COPY templates templates
COPY pipeline-templates/*.yaml pipeline-templates/
# The registry and what was compiled are kept from build to build; only what changed is compiled.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --locked --release --bin bluestage \
    && objcopy --strip-debug target/release/bluestage /bluestage
# What is inside: a list of all crates (CycloneDX), and the text of every licence.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    cargo install --locked --version 0.5.9 --root /usr/local cargo-cyclonedx \
    && cargo cyclonedx --format json --override-filename bluestage.cdx \
    && mkdir --parents /about/licences \
    && mv bluestage.cdx.json /about/
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    cargo vendor --locked /vendor >/dev/null \
    && find /vendor -maxdepth 2 -type f \( -iname 'licen[cs]e*' -o -iname 'copying*' -o -iname 'notice*' -o -iname 'unlicense*' \) \
       -printf '%P\0' | tar --directory /vendor --null --files-from - --create --file - | tar --extract --directory /about/licences
COPY LICENSE-APACHE LICENSE-MIT /about/licences/

FROM gcr.io/distroless/cc-debian12:nonroot AS minimal
COPY --from=build /about /usr/share/doc/bluestage
COPY --from=build /bluestage /usr/local/bin/bluestage
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/bluestage"]
CMD ["--help"]

FROM debian:12.12-slim AS worker
COPY --from=minimal /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /about /usr/share/doc/bluestage
COPY --from=build /bluestage /usr/local/bin/bluestage
# The only place that is written: artifacts and the homes of tests. The rest of the image may be read-only.
VOLUME ["/tmp"]
USER 65532:65532
# The health address is one of the container's own 127.0.0.1.
ENV BLUESTAGE_LOG_FORMAT=json BLUESTAGE_HEALTH_ADDRESS=8086
# Fails when the worker's last good look at CodePipeline is too old.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 CMD ["/usr/local/bin/bluestage", "health"]
# SIGTERM hands the jobs over; give it 40 seconds (docker stop --time 40).
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/bluestage"]
CMD ["worker"]
