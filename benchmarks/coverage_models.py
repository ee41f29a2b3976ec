"""The networks of the coverage sweep: of every timm family the smallest, and the smallest made of ReLU and its kin.

    python -m benchmarks.coverage_models     # finds them again, on the meta device: some minutes

What a network is made of is told by the names of its modules here, so that a choice can be wrong either way; what the
sweep reports is what the importer and `snnconv.convert` say.
"""

from __future__ import annotations

import re
from collections.abc import Collection

__all__ = ["FAMILIES", "MORE", "is_rectifying"]

# Names of modules that do not become spiking; convolutional "attention" that only scales channels does.
SMOOTH = re.compile(
    "SiLU|Swish$|GELU|Mish|^[CS]?ELU$|Tanh|Softplus|LayerNorm|GroupNorm|InstanceNorm|RmsNorm|RMSNorm|SimpleNorm"
    "|EvoNorm|FilterResponseNorm|StarReLU|Attention|Attn|Mhsa|LSTM"
)
HARMLESS = re.compile(
    "Hardswish|HardSwish|ReLU|PReLU|LeakyReLU|SplitAttn|SelectiveKernelAttn|SpatialAttn|BatNonLocalAttn"
)

FAMILIES: dict[str, tuple[str, ...]] = {
    "beit": ("beit_base_patch16_224",),
    "byoanet": ("halonet_h1",),
    "byobnet": ("test_byobnet",),
    "cait": ("cait_xxs24_224",),
    "coat": ("coat_tiny",),
    "convit": ("convit_tiny",),
    "convmixer": ("convmixer_768_32",),
    "convnext": ("test_convnext",),
    "cpubone": ("cpubone_nano",),
    "crossvit": ("crossvit_tiny_240",),
    "csatv2": ("csatv2",),
    "cspnet": ("cs3darknet_focus_s", "darknet17"),
    "cspnext": ("cspnext_tiny",),
    "davit": ("davit_tiny",),
    "deepseek_vit": ("deepseek_vit_412m",),
    "deit": ("deit_tiny_patch16_224",),
    "densenet": ("densenet121",),
    "dla": ("dla46x_c",),
    "dpn": ("dpn48b", "dpn68"),
    "edgenext": ("edgenext_xx_small",),
    "efficientformer": ("efficientformer_l1",),
    "efficientformer_v2": ("efficientformerv2_s0",),
    "efficientnet": ("test_efficientnet", "mobilenetv2_035"),
    "efficientvim": ("efficientvim_m1",),
    "efficientvit_mit": ("efficientvit_b0",),
    "efficientvit_msra": ("efficientvit_m0",),
    "eva": ("vit_tiny_patch16_dinov3_qkvb",),
    "fasternet": ("fasternet_t0", "fasternet_t2"),
    "fastvit": ("fastvit_t8",),
    "focalnet": ("focalnet_tiny_srf",),
    "gcvit": ("gcvit_xxtiny",),
    "gemma4_vit": ("gemma4_vit_167m",),
    "ghostnet": ("ghostnet_050",),
    "hardcorenas": ("hardcorenas_b",),
    "hgnet": ("hgnetv2_b0",),
    "hiera": ("hiera_tiny_224",),
    "hieradet_sam2": ("sam2_hiera_tiny",),
    "hrnet": ("hrnet_w18_small",),
    "iformer": ("iformer_t",),
    "inception_next": ("inception_next_atto",),
    "inception_resnet_v2": ("inception_resnet_v2",),
    "inception_v3": ("inception_v3",),
    "inception_v4": ("inception_v4",),
    "lcnetv2": ("lcnetv2_small",),
    "levit": ("levit_128s",),
    "lowformer": ("lowformer_b0",),
    "mambaout": ("test_mambaout",),
    "maxxvit": ("test_coatnet",),
    "metaformer": ("poolformerv2_s12",),
    "mlp_mixer": ("gmlp_ti16_224",),
    "mobilenetv3": ("mobilenetv3_small_050",),
    "mobilenetv5": ("mobilenetv5_base",),
    "mobilevit": ("mobilevit_xxs",),
    "mvitv2": ("mvitv2_tiny",),
    "naflexvit": ("naflexvit_base_patch16_parfac_gap",),
    "nasnet": ("nasnetalarge",),
    "nest": ("nest_tiny",),
    "nextvit": ("nextvit_small",),
    "nfnet": ("test_nfnet", "nf_resnet26"),
    "pit": ("pit_ti_224",),
    "pnasnet": ("pnasnet5large",),
    "pvt_v2": ("pvt_v2_b0",),
    "qwen3_vit": ("qwen3_vit_88m",),
    "rdnet": ("rdnet_tiny",),
    "regnet": ("regnetx_002",),
    "repghost": ("repghostnet_050",),
    "repvit": ("repvit_m1",),
    "res2net": ("res2next50",),
    "resnest": ("resnest14d",),
    "resnet": ("test_resnet",),
    "resnetv2": ("resnetv2_18",),
    "rexnet": ("rexnet_100",),
    "selecsls": ("selecsls42",),
    "senet": ("legacy_seresnet18",),
    "sequencer": ("sequencer2d_s",),
    "shvit": ("shvit_s1",),
    "sknet": ("skresnet18",),
    "starnet": ("starnet_s050",),
    "swiftformer": ("swiftformer_xs",),
    "swin_transformer": ("swin_tiny_patch4_window7_224",),
    "swin_transformer_v2": ("swinv2_tiny_window16_256",),
    "swin_transformer_v2_cr": ("swinv2_cr_tiny_224",),
    "tiny_vit": ("tiny_vit_5m_224",),
    "tnt": ("tnt_s_legacy_patch16_224",),
    "tresnet": ("tresnet_m",),
    "twins": ("twins_svt_small",),
    "vgg": ("vgg11",),
    "visformer": ("visformer_tiny",),
    "vision_transformer": ("test_vit",),
    "vision_transformer_hybrid": ("vit_tiny_r_s16_p8_224",),
    "vision_transformer_relpos": ("test_vit_relpos",),
    "vision_transformer_sam": ("samvit_base_patch16_224",),
    "vitamin": ("vitamin_small_224",),
    "volo": ("volo_d1_224",),
    "vovnet": ("ese_vovnet19b_slim_dw",),
    "xception": ("legacy_xception",),
    "xception_aligned": ("xception41p",),
    "xcit": ("xcit_nano_12_p8_224",),
}

# Architectures that people deploy, of families whose smallest network is another.
MORE = (
    "cspresnet50",
    "dla34",
    "ecaresnet26t",
    "efficientnet_lite0",
    "ghostnetv2_100",
    "hgnet_tiny",
    "lcnet_035",
    "mnasnet_small",
    "mobilenetv4_conv_small_035",
    "mobileone_s0",
    "regnety_002",
    "repvgg_a0",
    "resnet18",
    "resnetblur18",
    "resnext50_32x4d",
    "seresnet18",
    "tf_efficientnet_lite0",
)


def is_rectifying(kinds: Collection[str]) -> bool:
    """Whether networks of modules with these names are made of ReLU and its kin, as far as names tell."""
    return not any(SMOOTH.search(kind) and not HARMLESS.fullmatch(kind) for kind in kinds)


def _find() -> None:
    """Print the table."""
    import timm
    import torch

    for family in timm.models.list_modules():
        found = []
        for name in timm.list_models(module=family):
            with torch.device("meta"):
                network = timm.create_model(name, pretrained=False)
            kinds = {type(module).__name__ for module in network.modules()}
            size = sum(parameter.numel() for parameter in network.parameters())
            found.append((size, name, is_rectifying(kinds)))
        found.sort()
        chosen = [name for _, name, _ in found[:1]] + [name for _, name, rectifying in found if rectifying][:1]
        if chosen:
            print(f'    "{family}": {tuple(dict.fromkeys(chosen))},', flush=True)


if __name__ == "__main__":
    _find()
