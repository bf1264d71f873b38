ARG IMG
FROM $IMG AS base
ONBUILD RUN echo triggered >/triggered
ONBUILD ENV FROM_TRIGGER=yes
FROM base
RUN test -e /triggered
ONBUILD COPY . /again
ONBUILD USER 5
