# syntax is the builder's own
ARG IMG
ARG TAG=7
FROM $IMG AS build
ARG TAG
ARG WITHOUT
ENV ONLY_HERE=1
WORKDIR /src
RUN <<EOF
echo "$TAG" >out
mkdir empty
EOF
FROM scratch AS files
COPY --from=build /src/out /out
FROM $IMG
COPY --from=files --chown=1:2 --chmod=600 / /files/
COPY --link <<EOF /inline
text
EOF
RUN --mount=type=bind,from=build,target=/b test -e /b/src/out && cp /b/src/out /copied
CMD ["cat", "/copied"]
