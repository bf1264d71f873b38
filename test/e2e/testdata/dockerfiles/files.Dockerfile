ARG IMG
FROM $IMG
COPY simple.Dockerfile config.Dockerfile /two/
ADD simple.Dockerfile /added
ADD --chown=3:4 archive.tar /unpacked/
RUN --network=none true
RUN ["touch", "/exec"]
WORKDIR /made/by/workdir
