from pathlib import Path

import pytest

from pileus.deploy.creation import create, template_names
from pileus.deploy.errors import DeployError
from pileus.languages.serverless import load


@pytest.mark.parametrize("template", template_names())
def test_a_template_is_a_service_that_translates(tmp_path: Path, template: str) -> None:
    written = create(template, tmp_path / "myService")
    assert not [path for path in written if "template" in path.name]
    text = (tmp_path / "myService" / "serverless.yml").read_text()
    assert load(text).to_template().functions == {"hello": "myService-dev-hello"}


def test_nothing_is_overwritten_and_names_are_checked(tmp_path: Path) -> None:
    create("aws-python3", tmp_path, "shop")
    with pytest.raises(DeployError, match="exists already"):
        create("aws-python3", tmp_path, "shop")
    with pytest.raises(DeployError, match="cannot name a service"):
        create("aws-python3", tmp_path / "x", "my shop")
    with pytest.raises(DeployError, match="there are: aws-nodejs, aws-python3"):
        create("../secrets", tmp_path / "x", "shop")
