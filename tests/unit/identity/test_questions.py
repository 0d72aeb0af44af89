"""The queue before the plugin threads, without threads and with virtual time."""

from concurrent.futures import Future

import pytest

from adapter.identity.plugin_set import PluginFailedError, PluginSet
from adapter.identity.questions import LONGEST_WAIT, MAX_WAITING, OVERLOAD_AFTER, Question, Questions
from tests.support.fakes import VirtualTime

TIMEOUT = 10.0


async def ask(_: PluginSet) -> bool:
    return True


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
def questions(time: VirtualTime) -> Questions:
    return Questions(TIMEOUT, time.time)


def refusal(answer: Future[bool]) -> str:
    error = answer.exception(timeout=0)
    assert isinstance(error, PluginFailedError)
    return str(error)


def test_questions_are_taken_in_turn(questions: Questions, time: VirtualTime) -> None:
    put = [questions.put(ask) for _ in range(3)]
    time.advance(OVERLOAD_AFTER)
    assert [questions.take() for _ in range(4)] == [*put, None]


def test_under_overload_the_latest_is_taken_first(questions: Questions, time: VirtualTime) -> None:
    first, second = questions.put(ask), questions.put(ask)
    time.advance(OVERLOAD_AFTER + 0.1)
    latest = questions.put(ask)
    assert [questions.take() for _ in range(3)] == [latest, second, first]


def test_when_the_crowd_has_gone_it_is_in_turn_again(questions: Questions, time: VirtualTime) -> None:
    questions.put(ask)
    time.advance(OVERLOAD_AFTER + 0.1)
    questions.take()
    put = [questions.put(ask) for _ in range(2)]
    assert [questions.take(), questions.take()] == put


def test_devices_that_give_up_and_come_again_are_all_let_in(questions: Questions, time: VirtualTime) -> None:
    """1000 devices with 5 s of patience, 20 questions a second: in turn, none would get in after the first 100."""
    let_in = 0
    waiting: list[tuple[float, Question]] = [(time.now + 5, questions.put(ask)) for _ in range(1000)]
    for _ in range(20 * 120):
        time.advance(0.05)
        gone = [question for until, question in waiting if until <= time.now]
        waiting = [(until, question) for until, question in waiting if until > time.now]
        waiting += [(time.now + 5, questions.put(ask)) for _ in gone]
        taken = questions.take()
        still_there = [entry for entry in waiting if entry[1] is not taken]
        let_in += len(waiting) - len(still_there)
        waiting = still_there
    assert let_in == 1000


def test_addresses_take_turns_so_one_that_tries_passwords_delays_others_by_one_each(questions: Questions) -> None:
    guesses = [questions.put(ask, "guesser") for _ in range(1000)]
    honest = [questions.put(ask, "plant") for _ in range(2)]
    assert [questions.take() for _ in range(5)] == [guesses[0], honest[0], guesses[1], honest[1], guesses[2]]


def test_under_overload_it_is_the_guesses_that_wait(questions: Questions, time: VirtualTime) -> None:
    guesses = [questions.put(ask, "guesser") for _ in range(1000)]
    time.advance(OVERLOAD_AFTER + 0.1)
    guesses += [questions.put(ask, "guesser") for _ in range(1000)]
    honest = questions.put(ask, "plant")
    assert [questions.take() for _ in range(3)] == [guesses[-1], honest, guesses[-2]]


def test_when_too_many_wait_it_is_one_of_the_address_with_the_most_that_is_refused(questions: Questions) -> None:
    honest = questions.put(ask, "plant")
    guesses = [questions.put(ask, "guesser") for _ in range(MAX_WAITING)]
    assert refusal(guesses[0].answer) == f"{MAX_WAITING} others wait for the plugins"
    assert len(questions) == MAX_WAITING
    assert not honest.answer.done()


def test_when_too_many_wait_the_one_that_has_waited_longest_is_refused(questions: Questions) -> None:
    put = [questions.put(ask) for _ in range(MAX_WAITING + 1)]
    assert len(questions) == MAX_WAITING
    assert refusal(put[0].answer) == f"{MAX_WAITING} others wait for the plugins"
    assert questions.take() is put[1]


def test_plugins_have_the_timeout_from_when_a_question_is_taken(questions: Questions, time: VirtualTime) -> None:
    question = questions.put(ask)
    time.advance(4)
    questions.take()
    assert questions.seconds_left(question) == TIMEOUT
    time.advance(TIMEOUT)
    assert questions.seconds_left(question) == 0
    assert questions.why_too_slow(question) == "no answer within 10 s"


def test_a_question_waits_for_the_timeout_when_no_thread_takes_any(questions: Questions, time: VirtualTime) -> None:
    question = questions.put(ask)
    time.advance(TIMEOUT)
    assert questions.seconds_left(question) == 0
    text = "no plugin thread was free for 10.0 s; ADAPTER_AUTH__THREADS sets their number"
    assert questions.why_too_slow(question) == text


def test_a_question_waits_longer_while_others_are_taken_but_not_for_ever(
    questions: Questions, time: VirtualTime
) -> None:
    question = questions.put(ask)
    for _ in range(19):
        time.advance(LONGEST_WAIT / 20)
        assert questions.seconds_left(question) > 0
        assert questions.put(ask) is questions.take()
    time.advance(LONGEST_WAIT / 20)
    assert questions.seconds_left(question) == 0


def test_a_question_that_nobody_waits_for_is_not_taken(questions: Questions) -> None:
    cancelled, withdrawn, wanted = (questions.put(ask) for _ in range(3))
    cancelled.answer.cancel()
    questions.withdraw(withdrawn)
    assert len(questions) == 2
    assert [questions.take(), questions.take()] == [wanted, None]


def test_work_on_a_withdrawn_question_ends_whichever_thread_is_first(questions: Questions) -> None:
    ended: list[str] = []
    late, early = questions.put(ask), questions.put(ask)
    assert [questions.take(), questions.take()] == [late, early]
    late.begun(lambda: ended.append("withdrawn after the work began"))
    questions.withdraw(late)
    questions.withdraw(early)
    early.begun(lambda: ended.append("withdrawn between taking and beginning"))
    assert ended == ["withdrawn after the work began", "withdrawn between taking and beginning"]


def test_at_the_end_all_that_wait_are_refused(questions: Questions) -> None:
    given_up, *put = [questions.put(ask) for _ in range(3)]
    given_up.answer.cancel()
    questions.refuse_all("the adapter is stopping")
    assert [refusal(question.answer) for question in put] == ["the adapter is stopping"] * 2
    assert len(questions) == 0
