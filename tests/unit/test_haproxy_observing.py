"""What is observed of a HAProxy is made anew only where something moved, or is still waited for."""

from test_haproxy_reasons import config, table

from evener.dataplane.haproxy.observing import Observer


class Readings:
    """In place of a meter."""

    def __init__(self):
        self.anew = 0

    def totals(self):
        return {}

    def look_anew(self):
        self.anew += 1


def test_the_same_reading_is_the_very_same_observation_unless_a_reason_is_waited_for():
    meter, wanted = Readings(), config()
    observer = Observer(meter)

    def seen(rows):
        return observer.observation(rows, wanted, lambda: False)

    well = table(status="UP", check="L4OK")
    assert seen(well) is seen(well)
    assert meter.anew == 0
    starts = table(check="INI")
    assert seen(starts).reasons == {}
    assert seen(starts) is not seen(starts)
    assert meter.anew == 3  # or the meter would return that list for good
    failed = table(check="L4CON")
    assert seen(failed).reasons == {"m": "HTTP check: no connection"}
    assert seen(failed) is seen(failed)
    assert meter.anew == 3
