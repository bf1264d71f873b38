ARG IMG
FROM $IMG
LABEL maintainer=me org.example.one="with space" two=
ENV A=1 B="two words" C=$A-$B
ENV OLD form
EXPOSE 80 53/udp 8000-8002
VOLUME /data ["/more"]
VOLUME ["/a", "/b c"]
USER 1000:1000
WORKDIR /srv
WORKDIR sub
STOPSIGNAL SIGQUIT
MAINTAINER someone@example.com
ENTRYPOINT ["/bin/sh", "-c"]
CMD ["echo", "$A"]
