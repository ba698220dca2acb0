"""The client for threads, against the real service."""

from __future__ import annotations

import threading
from datetime import datetime, timezone
from typing import Any

import pytest
from castellan_service import CastellanService
from conftest import PATIENT_SECONDS

import castellan
from castellan import CallerDeniedError, Client, DeniedError, InvalidRequestError, Question, UnauthenticatedError, UnavailableError, Wanted


def test_an_allow_carries_what_it_was_made_from(client: Client) -> None:
    decision = client.check("sales.quote.create", user="ann", tenant="acme")
    assert decision.allowed is True
    assert (decision.reason, decision.via, decision.valid_until) == ("ROLE", ("salesperson",), None)
    assert decision.decision_id and len(decision.policy_revision) >= 12 and decision.position > 0


def test_a_decision_is_true_exactly_when_it_allows(client: Client) -> None:
    ann = client.bind(user="ann", tenant="acme")
    assert ann.check("sales.quote.create")
    assert not ann.check("finance.payout.create")


def test_a_temporary_grant_says_until_when_with_its_time_zone(client: Client) -> None:
    until = client.check("finance.payout.create", user="sue", tenant="acme").valid_until
    assert until is not None and until.tzinfo is timezone.utc and until > datetime.now(timezone.utc)


def test_a_deny_is_an_answer_and_an_error_of_enforce_only(client: Client) -> None:
    decision = client.check("sales.quote.crate", user="ann", tenant="acme")
    assert (decision.allowed, decision.reason) == (False, "UNKNOWN_PERMISSION")
    assert "sales.quote.create" in (decision.hint or "")
    assert client.can("finance.payout.create", user="ann", tenant="acme") is False
    with pytest.raises(DeniedError) as denied:
        client.enforce("finance.payout.create", user="ann", tenant="acme")
    assert denied.value.code == "denied" and denied.value.permission == "finance.payout.create"
    assert denied.value.decision.reason == "ROLE_LACKS_PERMISSION" and denied.value.decision.decision_id


def test_conditions_see_the_resource(client: Client) -> None:
    ann = client.bind(user="ann", tenant="acme")
    assert ann.check("sales.quote.send").reason == "RESOURCE_REQUIRED"
    assert ann.can("sales.quote.send", resource={"amount": 100, "discountPercent": 0.5, "tags": ["a", None, {"b": True}]})
    assert ann.check("sales.quote.send", resource={"amount": 12_000, "discountPercent": 0}).reason == "CONDITION_FAILED"
    # An empty resource is one.
    assert ann.check("sales.quote.send", resource={}).reason == "ATTRIBUTE_MISSING"


def test_check_all_answers_in_order_beyond_one_request(client: Client) -> None:
    names = ["sales.quote.create", "finance.payout.create", "sales.quote.read"]
    questions = [Question(names[index % 3], user="ann", tenant="acme") for index in range(2_345)]
    decisions = client.check_all(questions)
    assert [decision.allowed for decision in decisions] == [index % 3 != 1 for index in range(2_345)]
    assert client.check_all([]) == []


def test_check_all_of_one_subject_takes_names_and_resources(client: Client) -> None:
    wanted = ["sales.quote.read", Wanted("sales.quote.send", {"amount": 12_000, "discountPercent": 0})]
    assert [decision.reason for decision in client.bind(user="ann", tenant="acme").check_all(wanted)] == ["ROLE", "CONDITION_FAILED"]


def test_large_resources_are_spread_over_requests(client: Client) -> None:
    resource = {"amount": 1, "discountPercent": 0, "note": "x" * 200_000}
    questions = [Question("sales.quote.send", user="ann", tenant="acme", resource=resource) for _ in range(9)]
    assert all(client.check_all(questions))
    with pytest.raises(InvalidRequestError) as refused:
        client.can("sales.quote.send", user="ann", tenant="acme", resource={"note": "x" * 1_100_000})
    assert refused.value.violations[0].field == "resource"


def test_what_a_user_may_do_is_listed(client: Client) -> None:
    listed = client.bind(user="ann", tenant="acme").list_permissions()
    by_name = {held.permission: held for held in listed.permissions}
    assert by_name["sales.quote.create"].via == ("salesperson",) and not by_name["sales.quote.create"].conditional
    assert by_name["sales.quote.send"].conditional
    assert listed.denied is None and listed.position > 0
    assert client.list_permissions(user="nobody", tenant="acme").denied == "UNKNOWN_USER"


def test_a_person_is_asked_about_by_the_token_that_they_presented(client: Client, ann_token: str) -> None:
    ann = client.bind(access_token=ann_token)
    assert ann.can("sales.quote.create")
    assert client.check("sales.quote.create", access_token="not.a.token").reason == "TOKEN_INVALID"
    assert [decision.allowed for decision in ann.check_all(["sales.quote.create", "finance.payout.create"])] == [True, False]
    with pytest.raises(InvalidRequestError):
        ann.list_permissions()
    assert ann_token not in repr(ann) and ann_token not in repr(Question("a.b", access_token=ann_token))


def test_a_change_is_seen_from_its_position_on_and_a_later_one_is_no_deny(service: CastellanService, client: Client) -> None:
    position = client.check("sales.quote.create", user="ann", tenant="acme").position
    assert client.check("sales.quote.create", user="ann", tenant="acme", min_position=position).position >= position
    with pytest.raises(UnavailableError) as unknown:
        client.check("sales.quote.create", user="ann", tenant="acme", min_position=position + 1_000, deadline=3)
    assert unknown.value.code in ("position_not_reached", "deadline_exceeded")


@pytest.mark.parametrize(
    ("field", "asked"),
    [
        ("user", {"tenant": "acme"}),
        ("user", {"user": None, "tenant": "acme"}),
        ("user", {"user": "", "tenant": "acme"}),
        ("user", {"user": 7, "tenant": "acme"}),
        ("user", {"user": "ann\n", "tenant": "acme"}),
        ("user", {"user": "é" * 129, "tenant": "acme"}),
        ("user", {"user": "\ud800", "tenant": "acme"}),
        ("user", {"user": "ann", "access_token": "a.b.c"}),
        ("tenant", {"user": "ann"}),
        ("access_token", {"access_token": ""}),
        ("resource", {"user": "ann", "tenant": "acme", "resource": ["a"]}),
        ("resource.at", {"user": "ann", "tenant": "acme", "resource": {"at": datetime.now()}}),
        ("resource.id", {"user": "ann", "tenant": "acme", "resource": {"id": 2**53}}),
        ("resource.rate", {"user": "ann", "tenant": "acme", "resource": {"rate": float("nan")}}),
        ("min_position", {"user": "ann", "tenant": "acme", "min_position": True}),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused_before_it_is_sent(field: str, asked: dict[str, object]) -> None:
    # Nobody listens there, and nobody is asked.
    with Client("127.0.0.1:9", key="k") as nowhere, pytest.raises(InvalidRequestError) as refused:
        nowhere.can("sales.quote.create", **asked)  # type: ignore[arg-type]
    assert [violation.field for violation in refused.value.violations] == [field]
    assert field in str(refused.value)


@pytest.mark.parametrize("questions", ["sales.quote.read", b"sales.quote.read", {"sales.quote.read": {}}, 7, None])
def test_a_text_is_no_list_of_questions(questions: Any) -> None:
    with Client("127.0.0.1:9", key="k") as nowhere:
        for ask in (nowhere.check_all, nowhere.bind(user="ann", tenant="acme").check_all):
            with pytest.raises(InvalidRequestError) as refused:
                ask(questions)
            assert [violation.field for violation in refused.value.violations] == ["questions"]


def test_a_name_is_no_question_about_anybody() -> None:
    with Client("127.0.0.1:9", key="k") as nowhere, pytest.raises(InvalidRequestError) as refused:
        nowhere.check_all([Question("sales.quote.read", user="ann", tenant="acme"), "sales.quote.read"])  # type: ignore[list-item]
    assert [violation.field for violation in refused.value.violations] == ["questions[1]"]


def test_what_the_service_refuses_names_its_fields(client: Client) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        client.check("x" * 500, user="ann", tenant="acme")
    assert refused.value.code == "request_invalid" and refused.value.violations[0].field == "permission"
    with pytest.raises(InvalidRequestError) as listed:
        client.check_all([Question("sales.quote.read", user="ann", tenant="acme"), Question("x" * 500, user="ann", tenant="acme")])
    assert listed.value.violations[0].field == "items[1].permission"


def test_the_applications_own_key_is_no_deny_of_the_user(service: CastellanService) -> None:
    with Client(service.grpc, key="wrong-key", deadline=PATIENT_SECONDS) as stranger:
        with pytest.raises(UnauthenticatedError) as unknown:
            stranger.can("sales.quote.create", user="ann", tenant="acme")
        assert unknown.value.code == "unauthenticated" and "wrong-key" not in f"{unknown.value!r}{unknown.value}{stranger!r}"
    key = service.create_caller(name="python-elsewhere", scopes=["decide"], tenants=["north-clinic"])
    with Client(service.grpc, key=lambda: key, deadline=PATIENT_SECONDS) as elsewhere:
        assert elsewhere.check("sales.quote.create", user="ann", tenant="north-clinic").reason == "ROLE_LACKS_PERMISSION"
        with pytest.raises(CallerDeniedError) as denied:
            elsewhere.can("sales.quote.create", user="ann", tenant="acme")
        assert denied.value.code == "permission_denied"
        with pytest.raises(CallerDeniedError):
            elsewhere.check_all([Question("sales.quote.create", user="ann", tenant=tenant) for tenant in ("north-clinic", "acme")])


def test_threads_share_one_client(client: Client) -> None:
    answers: list[bool] = []

    def ask() -> None:
        answers.append(client.can("sales.quote.create", user="ann", tenant="acme"))

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 16


def test_a_closed_client_answers_nothing(service: CastellanService) -> None:
    client = Client(service.grpc, key=service.key)
    client.close()
    client.close()
    with pytest.raises(UnavailableError) as closed:
        client.can("sales.quote.create", user="ann", tenant="acme")
    assert closed.value.code == "closed"


def test_closing_ends_what_another_thread_waits_for(service: CastellanService) -> None:
    client = Client(service.grpc, key=service.key, deadline=PATIENT_SECONDS)
    assert client.can("sales.quote.create", user="ann", tenant="acme")
    codes: list[str] = []

    def ask() -> None:
        with pytest.raises(UnavailableError) as ended:
            client.can("sales.quote.create", user="ann", tenant="acme")
        codes.append(ended.value.code)

    service.freeze()
    try:
        waiting = threading.Thread(target=ask)
        waiting.start()
        # Most often it is under way by then; when it is not, it has to end in the same way.
        waiting.join(0.1)
        client.close()
        waiting.join()
    finally:
        service.thaw()
    assert codes == ["closed"]


def test_a_key_crosses_no_network_in_the_clear_unless_it_is_said() -> None:
    for target in ("castellan.example:9090", "dns:///10.0.0.1:9090", "ipv4:127.0.0.1:9090,10.0.0.1:9090", "dns://8.8.8.8/localhost:9090"):
        with pytest.raises(ValueError, match="in the clear"):
            Client(target, key="secret-key")
        assert "secret-key" not in repr(Client(target, key="secret-key", insecure=True))
        Client(target, key="secret-key", tls=True)
    for target in ("localhost:9090", "127.0.0.1:9090", "dns:///[::1]:9090", "unix:/run/castellan.sock"):
        Client(target, key="secret-key")


@pytest.mark.parametrize(
    "wrong",
    [
        {"target": ""},
        {"target": "localhost"},
        {"target": "http://localhost:8080"},
        {"target": "localhost:99999"},
        {"key": ""},
        {"key": "with space"},
        {"key": "line\n"},
        {"key": None},
        {"deadline": 0},
        {"deadline": float("nan")},
        {"deadline": None},
        {"retries": -1},
        {"retries": 1.5},
        {"tls": castellan.Tls(cert=b"x")},
    ],
)
def test_options_that_cannot_be_are_refused_at_once(wrong: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError)) as refused:
        Client(**{"target": "localhost:9090", "key": "secret-key", **wrong})  # type: ignore[arg-type]
    assert "secret-key" not in str(refused.value)
