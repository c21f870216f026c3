import inspect
import re

import pytest

from overspill_shared import errors
from overspill_shared.errors import CloudError, ErrorClass, OverspillError

CLASSES = [
    value
    for value in vars(errors).values()
    if inspect.isclass(value) and issubclass(value, Exception) and value is not OverspillError
]


def test_tree_in_docstring_is_the_class_tree():
    drawn, above = set(), {0: "OverspillError"}
    for indent, name in re.findall(r"^ {4}([│├└─ ]*)(\w+)(?= |$)", errors.__doc__ or "", re.MULTILINE):
        depth = len(indent) // 4
        above[depth] = name
        if depth:
            drawn.add((name, above[depth - 1]))

    assert drawn == {(cls.__name__, cls.__bases__[0].__name__) for cls in CLASSES}


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_error_shows_text_and_remedy(cls):
    error = cls("The zone has none.", remedy="Add another zone.")

    assert str(error) == "The zone has none. Add another zone."
    assert (error.text, error.remedy) == ("The zone has none.", "Add another zone.")


def test_error_without_remedy_shows_text_alone():
    assert str(OverspillError("It failed.")) == "It failed."


def test_error_codes_differ_between_classes():
    codes = [cls.default_code for cls in CLASSES]

    assert len(set(codes)) == len(codes)


def test_error_code_given_replaces_the_default():
    assert errors.NotFound("gone").code == "not-found"
    assert errors.NotFound("gone", code="no-topic").code == "no-topic"


@pytest.mark.parametrize("cls", [cls for cls in CLASSES if issubclass(cls, CloudError)], ids=lambda cls: cls.__name__)
def test_cloud_error_is_retryable_by_default_only_when_it_passes_by_itself(cls):
    assert cls("no").retryable is (cls.__name__ in {"Busy", "Conflict", "TokenRefused", "Unavailable"})
    assert cls("no", retryable=True).retryable is True
    assert cls("no", retryable=False).retryable is False


@pytest.mark.parametrize(
    ("cls", "error_class"),
    [
        (errors.ConfigError, ErrorClass.CONFIG),
        (errors.MalformedMessage, ErrorClass.CONFIG),
        (errors.RequestRefused, ErrorClass.CONFIG),
        (errors.SealError, ErrorClass.CONFIG),
        (errors.CapacityUnavailable, ErrorClass.CAPACITY),
        (errors.QuotaExceeded, ErrorClass.QUOTA),
        (errors.PermissionDenied, ErrorClass.PERMISSION),
        (errors.Unavailable, ErrorClass.INTERNAL),
        (errors.IllegalTransition, ErrorClass.INTERNAL),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_error_reports_its_class(cls, error_class):
    assert cls("no").error_class is error_class
