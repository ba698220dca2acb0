# syntax=docker/dockerfile:1
# Node's current LTS. The build needs every dependency, the service only its own.
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# Sources come after the dependencies, so that a change of ours does not install them again.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json tsconfig.types.json buf.yaml ./
COPY scripts ./scripts
COPY proto ./proto
COPY migrations ./migrations
COPY src ./src
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./package.json
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY proto ./proto
COPY policies ./policies
COPY docs ./docs
# Inside a container the addresses are the container's own; which of them others reach is the deployment's decision.
ENV CASTELLAN_HTTP_HOST=0.0.0.0 \
    CASTELLAN_GRPC_HOST=0.0.0.0 \
    CASTELLAN_IDENTITY_HOST=0.0.0.0 \
    CASTELLAN_METRICS_HOST=0.0.0.0
EXPOSE 8080 8081 9090 9464
# The image's user "node", by number, so that a cluster can see that it is not root.
USER 1000:1000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["node", "dist/src/main/cli.js", "healthcheck"]
# node itself is process 1: it gets SIGTERM and stops gracefully.
ENTRYPOINT ["node", "dist/src/main/cli.js"]
CMD ["serve"]
