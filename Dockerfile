# Carepath in one image: the server, the worker and every command. `docker build --tag carepath .`
ARG NODE=node:22-slim

# Designsystemet, as `make design` brings it in: pinned with its integrity. Where npm is not, or reaches no registry,
# the image is made all the same: our own stylesheet is enough.
FROM ${NODE} AS design
WORKDIR /design
COPY design/package.json design/package-lock.json ./
RUN mkdir made && if command -v npm && npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error; then \
        cp node_modules/@digdir/designsystemet-css/dist/src/index.css made/designsystemet.css \
        && cp node_modules/@digdir/designsystemet-theme/brand/digdir.css made/theme.css; \
    else echo "Without npm the pages have our own stylesheet alone." >&2; fi


FROM python:3.11-slim AS build

WORKDIR /source
RUN python -m venv --without-pip /opt/carepath
COPY requirements/run.txt requirements/
RUN pip --python /opt/carepath install --no-cache-dir --require-hashes --requirement requirements/run.txt
COPY . .
COPY --from=design /design/made/ carepath/ui/static/design/
# What builds the package stays behind.
RUN pip --python /opt/carepath install --no-cache-dir --no-deps --no-build-isolation . \
    && pip --python /opt/carepath check \
    && pip --python /opt/carepath uninstall --yes setuptools


FROM python:3.11-slim

LABEL org.opencontainers.image.title="Carepath" \
      org.opencontainers.image.description="A broker for care pathways: one timeline per patient across all levels of care." \
      org.opencontainers.image.licenses="Apache-2.0"

COPY --from=build /opt/carepath /opt/carepath

# The one folder to write in: an SQLite database and the key, unless they are set to be elsewhere.
RUN install --directory --owner 10001 --group 10001 --mode 0700 /var/lib/carepath
WORKDIR /var/lib/carepath
USER 10001:10001

ENV PATH=/opt/carepath/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

# For `serve`, the default; a worker has its own (see compose.yaml).
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import http.client, os; c = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('CAREPATH_PORT', 8000)), timeout=4); c.request('GET', '/readyz'); raise SystemExit(c.getresponse().status != 200)"]

EXPOSE 8000
ENTRYPOINT ["carepath"]
CMD ["serve"]
