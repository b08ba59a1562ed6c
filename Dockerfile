# Built in two steps, so that compilers and tests stay behind.
FROM node:26-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY build ./build
COPY src ./src
RUN npm run build
RUN npm prune --omit=dev

FROM node:26-bookworm-slim
ENV NODE_ENV=production
WORKDIR /limpet
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY package.json LICENSE ./
COPY config ./config
USER node
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
# The admin side listens on 127.0.0.1:9090 unless the config says otherwise; /livez needs no token.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["node", "-e", "fetch('http://127.0.0.1:9090/livez').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/limpet/dist/main.js"]
CMD ["run", "-c", "/limpet/config/limpet.yaml"]
