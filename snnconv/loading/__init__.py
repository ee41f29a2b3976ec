"""One door in: an ONNX file, a NIR file, a timm name or an `nn.Module` becomes a Model."""

from snnconv.loading.entry import ModelLike, load, load_beside, load_for, require_source
from snnconv.loading.files import is_nir_file
from snnconv.loading.modules import load_module
from snnconv.loading.pretrained import TIMM

__all__ = ["TIMM", "ModelLike", "is_nir_file", "load", "load_beside", "load_for", "load_module", "require_source"]
