"""The byte budget: backpressure that is fair."""

from adapter.delivery.budget import Budget
from tests.support.fakes import FakeOwner


class Waiter:
    """Remembers being called, and may wait again."""

    def __init__(self, budget: Budget, *, again: bool = False) -> None:
        self.calls = 0
        self.again = again
        self.budget = budget
        self.fault: Exception | None = None  # what `room_again` raises
        self.abandoned: Exception | None = None

    def room_again(self) -> None:
        self.calls += 1
        if self.again:
            self.budget.wait(self)
        if self.fault is not None:
            raise self.fault

    def abandon(self, fault: Exception) -> None:
        self.abandoned = fault


def test_nobody_waits_below_the_soft_mark() -> None:
    budget, owner = Budget(1000), FakeOwner()
    budget.charge(owner, 749)
    assert not budget.must_wait(owner.pending_bytes)


def test_above_the_soft_mark_only_those_above_their_fair_share_wait() -> None:
    budget, flooder, quiet = Budget(1000), FakeOwner(), FakeOwner()
    budget.charge(flooder, 740)
    budget.charge(quiet, 20)
    assert budget.must_wait(flooder.pending_bytes)
    assert not budget.must_wait(quiet.pending_bytes)
    assert not budget.must_wait(0)


def test_a_single_flooder_leaves_room_for_whoever_comes() -> None:
    budget, flooder = Budget(1000), FakeOwner()
    budget.charge(flooder, 760)
    assert budget.must_wait(flooder.pending_bytes)
    assert not budget.must_wait(0)


def test_at_the_limit_everyone_waits() -> None:
    budget, owner = Budget(1000), FakeOwner()
    budget.charge(owner, 1000)
    assert budget.must_wait(0)


def test_bytes_stay_in_use_until_nobody_holds_them() -> None:
    budget, owner = Budget(1000), FakeOwner()
    budget.charge(owner, 1000)
    budget.credit(owner, 1000)
    assert owner.pending_bytes == 0
    assert budget.must_wait(0)
    budget.release(1000)
    assert not budget.must_wait(0)


def test_those_who_wait_are_let_on_in_order_and_once_each() -> None:
    budget, owner = Budget(1000), FakeOwner()
    budget.charge(owner, 1000)
    waiters = [Waiter(budget), Waiter(budget, again=True), Waiter(budget)]
    for waiter in waiters:
        budget.wait(waiter)
    budget.release(100)
    assert [waiter.calls for waiter in waiters] == [0, 0, 0]
    budget.release(200)
    assert [waiter.calls for waiter in waiters] == [1, 1, 1]
    assert budget.waiting == 1


def test_one_that_fills_the_budget_again_keeps_the_rest_waiting() -> None:
    budget, owner = Budget(1000), FakeOwner()
    budget.charge(owner, 1000)

    class Greedy(Waiter):
        def room_again(self) -> None:
            super().room_again()
            budget.charge(owner, 500)

    greedy, patient = Greedy(budget), Waiter(budget)
    budget.wait(greedy)
    budget.wait(patient)
    budget.release(300)
    assert (greedy.calls, patient.calls) == (1, 0)


def test_a_connection_that_has_gone_is_not_called() -> None:
    budget, owner = Budget(1000), FakeOwner()
    budget.charge(owner, 1000)
    waiter = Waiter(budget)
    budget.wait(waiter)
    budget.forget(waiter)
    budget.release(1000)
    assert waiter.calls == 0


def test_one_that_fails_while_it_goes_on_is_abandoned_and_the_others_go_on() -> None:
    budget, owner = Budget(1000), FakeOwner()
    broken, good = Waiter(budget), Waiter(budget)
    broken.fault = RuntimeError("no")
    budget.charge(owner, 1000)
    budget.wait(broken)
    budget.wait(good)
    budget.release(1000)
    assert broken.abandoned is broken.fault
    assert good.calls == 1
    assert good.abandoned is None
