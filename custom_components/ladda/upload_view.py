"""Where administrators fetch the files that stations uploaded."""

from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Final

from aiohttp import hdrs, web

from homeassistant.components.http.auth import async_sign_path
from homeassistant.components.http.const import KEY_HASS_USER
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.http import KEY_HASS, HomeAssistantView

from .const import DOMAIN
from .hub import uploads_path

LINK_LASTS: Final = timedelta(hours=1)


class UploadView(HomeAssistantView):
    """Serves uploaded files.

    Links are signed for the administrator who asked for the file, or for Home
    Assistant itself where an automation did.
    """

    url = f"/api/{DOMAIN}/uploads/{{name}}"
    name = f"api:{DOMAIN}:uploads"

    async def get(self, request: web.Request, name: str) -> web.StreamResponse:
        """Serve one file."""
        hass = request.app[KEY_HASS]
        user = request[KEY_HASS_USER]
        if not (user.is_admin or user.system_generated):
            return web.Response(status=HTTPStatus.UNAUTHORIZED)
        path = uploads_path(hass) / Path(name).name
        if not await hass.async_add_executor_job(path.is_file):
            return web.Response(status=HTTPStatus.NOT_FOUND)
        disposition = f'attachment; filename="{path.name}"'
        return web.FileResponse(path, headers={hdrs.CONTENT_DISPOSITION: disposition})


@callback
def async_signed_link(hass: HomeAssistant, name: str) -> str:
    """Return a link, without a host, under which a file can be fetched for an hour."""
    return async_sign_path(hass, UploadView.url.format(name=name), LINK_LASTS)
