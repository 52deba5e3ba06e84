"""Celery is wired as a doorbell: it may lose anything and must block nobody."""

import subprocess
import sys
from importlib.metadata import version

import psycopg
import pytest
from celery.fixups.django import DjangoWorkerFixup
from celery.signals import task_prerun
from django.conf import settings
from django.db import connection
from kombu.transport import redis as kombu_redis
from redis.exceptions import ConnectionError as BrokerLost

from config.celery import app
from config.lost_broker import FAULTY


def test_the_patch_is_removed_once_a_release_without_the_fault_is_used():
    assert {name: version(name) for name in FAULTY} == FAULTY, (
        "config/lost_broker.py patches a fault of these versions: check whether the new ones still "
        "have it (kill Redis under a busy worker ten times), then remove the patch or raise FAULTY"
    )


def test_a_collected_transport_is_a_connection_error_and_not_the_end_of_the_worker():
    connection = app.connection_for_write()
    channel = connection.default_channel
    transport = connection.transport
    transport.client, client = None, transport.client
    try:
        with pytest.raises(BrokerLost):
            channel._connparams()
        assert issubclass(BrokerLost, kombu_redis.Transport.connection_errors)
    finally:
        transport.client = client
        connection.release()


def test_every_periodic_bell_expires_before_two_more_are_due():
    for entry in settings.CELERY_BEAT_SCHEDULE.values():
        assert 0 < entry["options"]["expires"] <= 2 * entry["schedule"]


def test_every_periodic_bell_has_its_task():
    app.loader.import_default_modules()
    assert {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()} <= app.tasks.keys()


def test_workers_load_the_patch():
    assert "config.lost_broker" in settings.CELERY_IMPORTS


def test_the_beat_shares_the_settings_but_does_without_django():
    code = (
        "import sys; from config.beat import app; print(app.conf.task_default_queue,"
        " len(app.conf.beat_schedule), 'apps.pipeline' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["bell", str(len(settings.CELERY_BEAT_SCHEDULE)), "False"]


def test_tasks_keep_no_results_and_acknowledge_early():
    assert app.conf.task_ignore_result
    assert not app.conf.task_acks_late
    assert app.conf.result_backend is None


def test_a_worker_keeps_its_database_connection_from_task_to_task(transactional_db):
    connection.ensure_connection()
    server = connection.connection
    fixup = DjangoWorkerFixup(app)
    for _ in range(5):
        fixup.close_database()
    assert connection.connection is server


def test_a_connection_that_died_between_two_tasks_is_replaced(transactional_db):
    connection.ensure_connection()
    dead = connection.connection
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [dead.info.backend_pid])

    task_prerun.send(None)

    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert connection.connection is not dead
