# The gateway as an image. Built on the builder's own processor for amd64 and arm64 alike: nothing is compiled,
# and what differs is installed in the second stage, on the processor it is for.
FROM --platform=$BUILDPLATFORM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json .tsconfig.build.json LICENSE ./
COPY src src
COPY hil hil
COPY device-profiles device-profiles
RUN npm run build && npm pack --ignore-scripts && mv underglass-*.tgz underglass.tgz

FROM node:24-bookworm-slim
WORKDIR /opt/underglass
COPY --from=build /build/package.json /build/package-lock.json /build/.npmrc ./
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force
COPY --from=build /build/underglass.tgz ./
RUN mkdir node_modules/underglass bin \
 && tar -xzf underglass.tgz -C node_modules/underglass --strip-components=1 \
 && rm underglass.tgz \
 && ln -s ../node_modules/underglass/src/cli/underglass.js bin/underglass
RUN mkdir /data && chown node:node /data
ENV PATH=/opt/underglass/bin:$PATH NODE_ENV=production
USER node
WORKDIR /data
VOLUME /data
# The gateway has shown a view on its display, which the configuration has at this port of the loopback.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["node", "-e", "fetch('http://127.0.0.1:8080/api/view').then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["underglass"]
CMD ["gateway", "--config", "/data/gateway.yaml"]
