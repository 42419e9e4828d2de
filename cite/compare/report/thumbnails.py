import base64
import io
from pathlib import Path
from typing import Optional

from PIL import Image

from cite.core.files.patch_file import open_patch
from cite.core.files.rgb import load_rgb

SIZE = 112  # pixels; a patch is 300 of them
QUALITY = 62


class Thumbnails:
    """Pictures of patches as data addresses, as long as the budget lasts.

    Args:
        folder: folder of the patches.
        budget: bytes of the page for all of them together.
    """

    def __init__(self, folder: Path, budget: int) -> None:
        self.folder = folder
        self.left = budget
        self.missing = 0  # patches without a readable file
        self.over = 0  # left out because of the budget

    def of(self, file: str) -> Optional[str]:
        """Return a ``data:`` address, or None without a picture or budget."""
        try:
            with open_patch(self.folder / file) as image:
                image.draft('RGB', (SIZE, SIZE))
                whole = load_rgb(image)
                small = whole.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
        except MemoryError:
            raise
        except Exception:  # Pillow raises all kinds for damaged files, see read_patch
            self.missing += 1
            return None
        stream = io.BytesIO()
        small.save(stream, 'JPEG', quality=QUALITY, optimize=True)
        address = base64.b64encode(stream.getvalue()).decode()
        if len(address) > self.left:
            self.over += 1
            return None
        self.left -= len(address)
        return f'data:image/jpeg;base64,{address}'
