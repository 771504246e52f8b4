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
RUN npm run build && npm pack --ignore-scripts

FROM node:24-bookworm-slim
WORKDIR /opt/underglass
COPY --from=build /build/package.json /build/package-lock.json /build/.npmrc ./
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force
COPY --from=build /build/underglass-*.tgz /tmp/
RUN mkdir node_modules/underglass \
 && tar -xzf /tmp/underglass-*.tgz -C node_modules/underglass --strip-components=1 \
 && rm /tmp/underglass-*.tgz \
 && ln -s /opt/underglass/node_modules/underglass/src/cli/underglass.js /usr/local/bin/underglass \
 && mkdir /data && chown node:node /data
USER node
WORKDIR /data
VOLUME /data
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s CMD ["underglass", "doctor", "--config", "/data/gateway.yaml"]
ENTRYPOINT ["underglass"]
CMD ["gateway", "--config", "/data/gateway.yaml"]
