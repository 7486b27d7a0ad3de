import pytest

import jobset_client


def test_what_a_user_imports() -> None:
    assert jobset_client.__all__ == [
        "JobManager",
        "LocalCluster",
        "ManagedJob",
        "ManagedJobSet",
        "ManagedResults",
        "Plan",
        "errors",
    ]


@pytest.mark.parametrize("name", jobset_client.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(jobset_client, name) is not None


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        jobset_client.Nonsense  # noqa: B018  (reading it is the point)
