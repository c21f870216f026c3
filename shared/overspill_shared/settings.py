"""Reading settings: flags, then environment, then a TOML file, then defaults; all wrong keys reported at once.

Only the mechanism stands here: each deployable has its own settings model. The environment is an argument; nothing
is read at import.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from pydantic import ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from overspill_shared.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ENV_PREFIX = "OVERSPILL_"


class Settings(BaseSettings):
    """Base of a deployable's settings; nested keys in the environment are joined by `__`."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        nested_model_default_partial_update=True,
    )

    _environ: ClassVar[Mapping[str, str]] = {}
    _file_values: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic-settings passes them by name
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags win over the environment, the environment over the file."""
        return (
            init_settings,
            _MappingSource(settings_cls, cls._environ),
            _FileSource(settings_cls, cls._file_values),
        )


S = TypeVar("S", bound=Settings)


def load(
    model: type[S],
    environ: Mapping[str, str],
    *,
    file: Path | None = None,
    flags: Mapping[str, Any] | None = None,
) -> S:
    """Read settings from flags, environment and file, in that order of precedence.

    Raises ConfigError that names every wrong or unknown key.
    """
    values = _read_toml(file) if file else {}
    given = {key: value for key, value in (flags or {}).items() if value is not None}
    bound = type(
        model.__name__,
        (model,),
        {"_environ": environ, "_file_values": values, "__module__": model.__module__},
    )
    try:
        return cast("S", bound(**given))
    except ValidationError as exc:
        raise ConfigError(
            "settings: "
            + "; ".join(_problem(item) for item in exc.errors(include_url=False, include_input=False))
            + ".",
            remedy=f"Correct them in the file, the {ENV_PREFIX}* variables or the flags; see docs/settings.md.",
            code="settings",
        ) from None


class _MappingSource(EnvSettingsSource):
    """The environment given as a mapping, so that nothing reads os.environ behind our back."""

    def __init__(self, settings_cls: type[BaseSettings], environ: Mapping[str, str]) -> None:
        self._given = {key.lower(): value for key, value in environ.items() if value != ""}
        super().__init__(settings_cls)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return self._given


class _FileSource(PydanticBaseSettingsSource):
    """The values of a TOML file."""

    def __init__(self, settings_cls: type[BaseSettings], values: Mapping[str, Any]) -> None:
        super().__init__(settings_cls)
        self._values = dict(values)

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - their signature
        return self._values.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return self._values


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text())
    except OSError as exc:
        raise ConfigError(f"settings file {file}: {exc.strerror}.", remedy="Check --config.", code="settings") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(f"settings file {file} is not TOML: {exc}.", remedy="Correct it.", code="settings") from None


def _problem(item: Any) -> str:
    key = ".".join(str(part) for part in item["loc"])
    text = "is not a setting" if item["type"] == "extra_forbidden" else item["msg"]
    return f"{key}: {text}" if key else text
