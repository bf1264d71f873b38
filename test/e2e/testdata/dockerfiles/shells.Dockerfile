ARG IMG
FROM $IMG
SHELL ["/bin/sh", "-eu", "-c"]
RUN echo one >/one
ENTRYPOINT exec cat /one
CMD ignored
HEALTHCHECK --interval=5s --timeout=2s --retries=4 --start-period=1m CMD test -e /one
