import pytest
from django.db import connection


@pytest.mark.django_db
def test_tests_run_on_postgresql_18():
    assert connection.pg_version >= 180000
