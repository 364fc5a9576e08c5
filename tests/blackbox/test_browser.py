"""The page, in a real browser."""
import os
import tempfile

import pytest
from photos import photo
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from server import BUILD, ROOT, Server, wait_for

ARTIFACTS = os.path.join(BUILD, "artifacts")
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--hide-scrollbars"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server():
    apps = {"/": "static", "/thumbnails": "thumbnail", "/jobs": "jobs"}
    with Server(apps, spool="processes = 1",
                sections=f"[static]\nroot = {ROOT}/plugins/thumbnail/www") as running:
        yield running


def browser(size, dark=False):
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in FLAGS + [f"--window-size={size[0]},{size[1]}",
                         f"--user-data-dir={tempfile.mkdtemp(prefix='bobbin-browser-')}"]:
        options.add_argument(flag)
    driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    if dark:
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": "dark"}]})
    driver.set_window_size(*size)
    return driver


def upload(driver, files, width):
    driver.execute_script(
        "const w = document.getElementById('width'); w.value = arguments[0];"
        "w.dispatchEvent(new Event('input'));", width)
    driver.find_element(By.ID, "file").send_keys("\n".join(files))


@pytest.mark.parametrize("name,size,dark", [("upload", (1200, 1000), False),
                                            ("upload-dark", (1200, 1000), True),
                                            ("upload-phone", (500, 1100), False)])
def test_a_photo_is_uploaded_and_its_thumbnail_seen(server, tmp_path, name, size, dark):
    good, bad = tmp_path / "holiday.jpg", tmp_path / "damaged.jpg"
    good.write_bytes(photo(1500, 1000))
    bad.write_bytes(photo(800, 600)[:3000])
    driver = browser(size, dark)
    try:
        driver.get(server.url("/"))
        upload(driver, [str(good), str(bad)], 320)
        image = wait_for("the thumbnail", lambda: driver.find_elements(
            By.CSS_SELECTOR, ".card.done img.thumbnail"))[0]
        assert image.get_property("naturalWidth") == 320
        assert image.get_property("naturalHeight") == 213
        failed = wait_for("the failure", lambda: driver.find_elements(
            By.CSS_SELECTOR, ".card.failed .state"))[0]
        assert failed.text.startswith("the photo cannot be read")
        assert not [line for line in driver.get_log("browser") if line["level"] == "SEVERE"]
        os.makedirs(ARTIFACTS, exist_ok=True)
        driver.save_screenshot(os.path.join(ARTIFACTS, f"{name}.png"))
    finally:
        driver.quit()
