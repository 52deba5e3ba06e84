"""Celery is wired as a doorbell: it may lose anything and must block nobody."""

from importlib.metadata import version

import pytest
from django.conf import settings
from kombu.transport import redis as kombu_redis
from redis.exceptions import ConnectionError as BrokerLost

from config.celery import FAULTY, app


def test_the_patch_is_removed_once_a_release_without_the_fault_is_used():
    assert {name: version(name) for name in FAULTY} == FAULTY, (
        "config/celery.py patches a fault of these versions: check whether the new ones still "
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


def test_tasks_keep_no_results_and_acknowledge_early():
    assert app.conf.task_ignore_result
    assert not app.conf.task_acks_late
    assert app.conf.result_backend is None
