"""Photos made by the tests."""
import io

from PIL import Image, ImageDraw


def photo(width=1600, height=1200, orientation=None, mode="RGB", quality=90):
    """A JPEG with a red left half and a blue mark in its upper left corner, as stored."""
    picture = Image.new("RGB", (width, height), (240, 230, 210))
    draw = ImageDraw.Draw(picture)
    draw.rectangle([0, 0, width // 2, height], fill=(200, 60, 40))
    draw.rectangle([0, 0, width // 4, height // 4], fill=(30, 60, 200))
    more = {}
    if orientation is not None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        more["exif"] = exif
    out = io.BytesIO()
    picture.convert(mode).save(out, "JPEG", quality=quality, **more)
    return out.getvalue()


def opened(data):
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


# What EXIF's orientations mean, as PIL undoes them.
UPRIGHT = {1: None, 2: Image.FLIP_LEFT_RIGHT, 3: Image.ROTATE_180, 4: Image.FLIP_TOP_BOTTOM,
           5: Image.TRANSPOSE, 6: Image.ROTATE_270, 7: Image.TRANSVERSE, 8: Image.ROTATE_90}
