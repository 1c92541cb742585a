# One image for every command of micropay: serve, relay, migrate, verify, import and the others.
FROM docker.io/library/node:24.21.0-bookworm-slim AS build
WORKDIR /source
COPY . .
RUN npm install --global "$(node --print 'require("./package.json").packageManager')"
RUN --mount=type=cache,target=/root/.local/share/pnpm/store \
    pnpm install --frozen-lockfile --filter-prod '@micropay/server...'
# The type declarations are left out: no program reads them, and they take most of the time of a build.
RUN for package in ledger-core server; do (cd "packages/$package" && npx tsup --no-dts) || exit 1; done
# A release swaps the exports of the sources for those of `dist` when it packs; a deployment does not.
RUN --mount=type=cache,target=/root/.local/share/pnpm/store \
    pnpm --filter @micropay/server deploy --prod --legacy /app \
    && cd /app/node_modules/@micropay/ledger-core \
    && npm pkg set --json "exports=$(npm pkg get publishConfig.exports)"

FROM docker.io/library/node:24.21.0-bookworm-slim
LABEL org.opencontainers.image.title="MicroPay" \
      org.opencontainers.image.description="A self-hosted HTTP server around a double-entry ledger in PostgreSQL" \
      org.opencontainers.image.source="https://github.com/micropay/micropay" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /app /app
RUN ln -s /app/dist/micropay.js /usr/local/bin/micropay && chmod +x /app/dist/micropay.js
# Outside a container the server listens on the loopback address alone, where nobody could reach it in here.
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000
EXPOSE 3000
# The number of the account `node`: Kubernetes checks by it that a container does not run as root.
USER 1000:1000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/livez`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["micropay"]
CMD ["serve"]
