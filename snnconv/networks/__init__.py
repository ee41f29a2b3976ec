"""Networks of our own: the ones that papers on spiking networks train on CIFAR, Tiny-ImageNet and events.

All are ordinary networks with ReLU. For anything else there is timm.
"""

from snnconv.networks.ds_resnet import DSResNet
from snnconv.networks.fast import FastNet
from snnconv.networks.ms_resnet import MSResNet
from snnconv.networks.registry import NETWORKS
from snnconv.networks.resnet import ResNet
from snnconv.networks.small import SmallCNN
from snnconv.networks.vgg import VGG

__all__ = ["NETWORKS", "VGG", "DSResNet", "FastNet", "MSResNet", "ResNet", "SmallCNN"]
