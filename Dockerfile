# Two stages: what builds stays behind. The image holds Node.js without npm, the program, its production dependencies, and
# the list of them (sbom.cdx.json). The bases stand by digest; tests/packages/image.test.ts keeps the labels in step with them.
ARG NODE_IMAGE=docker.io/library/node:24-bookworm-slim@sha256:a9f5f7c91a432850b2a8a7797adf5eadb6c733ceed61167806cee7ea7fbc29df
ARG BASE_IMAGE=docker.io/library/debian:bookworm-slim@sha256:abd67ffcfa541b485a3dff59865ab629aa048a6c613e639d36e7456b0b229241

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
# The pinned runtime is for machines with an older Node.js; here the image brings the runtime.
# The client for Kafka is small enough to come along: here it is a dependency as any other, in the version that was tested.
RUN client=@platformatic/kafka \
  && version=$(node -p "require('./package.json').devDependencies['$client']") \
  && npm pkg delete "devDependencies.$client" && npm pkg set "dependencies.$client=$version" \
  && npm install --package-lock-only --omit=optional --no-audit --no-fund \
  && npm ci --omit=optional --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY src ./src
RUN node scripts/build.mjs && node scripts/sbom.mjs \
  && npm prune --omit=dev --omit=optional --no-audit --no-fund \
  && mkdir -p bin state && ln -s /app/dist/cli/main.js bin/auditferry

FROM ${BASE_IMAGE}
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="auditferry" \
  org.opencontainers.image.description="Carries the audit log of a CloudQuery Platform installation into a SIEM, loses nothing, says so, and can prove it." \
  org.opencontainers.image.version="0.1.0" \
  org.opencontainers.image.revision="${REVISION}" \
  org.opencontainers.image.created="${CREATED}" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.base.name="docker.io/library/debian:bookworm-slim" \
  org.opencontainers.image.base.digest="sha256:abd67ffcfa541b485a3dff59865ab629aa048a6c613e639d36e7456b0b229241"
# Every command beside the daemon finds the same configuration: docker exec NAME auditferry status
ENV NODE_ENV=production AUDITFERRY_CONFIG=/etc/auditferry/auditferry.yaml
# The C library gives freed memory back to the system, which it would keep after a catch-up: docs/performance.md.
ENV GLIBC_TUNABLES=glibc.malloc.arena_max=1:glibc.malloc.trim_threshold=131072:glibc.malloc.mmap_threshold=131072
WORKDIR /app
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=build /build/bin/ /usr/local/bin/
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY --from=build /build/sbom.cdx.json ./
COPY package.json LICENSE ./
# Numeric, so that Kubernetes can see that it is not root.
COPY --from=build --chown=10001:10001 /build/state /var/lib/auditferry
USER 10001:10001
VOLUME /var/lib/auditferry
EXPOSE 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s CMD ["node", "/app/dist/cli/main.js", "health"]
ENTRYPOINT ["node", "/app/dist/cli/main.js"]
CMD ["run"]
