# docker build -t limpet .
# docker build -t limpet --build-arg DRIVERS="pg mysql2 mongodb" .    with the drivers of PostgreSQL, MySQL and MongoDB
#
# The base is pinned by its whole version. To pin its bytes too, look its digest up where there is an engine
# (docker buildx imagetools inspect node:26.10.0-bookworm-slim) and write node:26.10.0-bookworm-slim@sha256:… in all three places.

# The compiler and what it needs stay behind in this stage.
FROM node:26.10.0-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
COPY build/package-trees.ts ./build/
RUN node build/package-trees.ts . --build
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY build ./build
COPY src ./src
RUN npm run build

# What runs in production, in the versions of the lock, and of the drivers those that are asked for.
FROM node:26.10.0-bookworm-slim AS modules
ARG DRIVERS=""
WORKDIR /modules
COPY package.json package-lock.json ./
COPY build/package-trees.ts ./build/
RUN node build/package-trees.ts . $DRIVERS
RUN npm ci --no-audit --no-fund

FROM node:26.10.0-bookworm-slim
LABEL org.opencontainers.image.title="limpet" \
      org.opencontainers.image.description="A reverse-proxy load balancer that understands sessions" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="docker.io/library/node:26.10.0-bookworm-slim"
ENV NODE_ENV=production
WORKDIR /limpet
COPY --from=modules /modules/package.json ./
COPY --from=modules /modules/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY LICENSE ./
COPY config ./config
# By number, so that Kubernetes can see that it is not root: uid 1000 is `node` in the base. Nothing of the above belongs to it.
USER 1000:1000
# Two ports for whoever maps them; a config may listen elsewhere. Nothing is ever written: the root may be read-only.
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
# Reads the config that process 1 was started with, and asks `/livez` there; needs no token.
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s CMD ["node", "/limpet/dist/main.js", "healthcheck"]
ENTRYPOINT ["node", "/limpet/dist/main.js"]
CMD ["run", "-c", "/limpet/config/limpet.yaml"]
