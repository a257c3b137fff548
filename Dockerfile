# One image for every process; docker-compose.yml says what each of them runs.
FROM python:3.11.13-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PATH=/venv/bin:$PATH OTMS_STATIC_ROOT=/static
WORKDIR /app

FROM base AS build
RUN python -m venv /venv
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes --only-binary :all: --no-deps --requirement requirements.lock
COPY . .
# The embedded default makes keys for itself when it starts: they stay in this stage.
RUN OTMS_VAR=/tmp/otms python manage.py collectstatic --no-input && python -m compileall -q .

FROM base AS otms
COPY --from=build /venv /venv
COPY --from=build /static /static
COPY --from=build /app /app
ENV PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
EXPOSE 8000
CMD ["gunicorn", "otms.wsgi", "--bind", "0.0.0.0:8000", "--no-control-socket"]
