# One function as a container, for kind. From the repository's root:
#   docker build -f agent/deploy/kind/functions.Dockerfile --build-arg FUNCTION=provision -t overspill-provision:kind .
FROM python:3.11-slim
ARG FUNCTION
ENV FUNCTION=${FUNCTION} PYTHONUNBUFFERED=1
WORKDIR /workspace
COPY functions/${FUNCTION}/requirements.txt .
RUN pip install --no-cache-dir --require-hashes --no-deps --only-binary=:all: -r requirements.txt
# As in the zip: the function's folder overlaid with shared/.
COPY shared/ .
COPY functions/${FUNCTION}/ .
CMD ["sh", "-c", "exec functions-framework --target=\"$FUNCTION\" --signature-type=http --port=8080"]
