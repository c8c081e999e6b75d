"""The names of `keras.applications`: which text of gen's own has each model."""

from __future__ import annotations

from collections.abc import Sequence

from gen.language.elaborate.values import Application

TEXTS = {
    "convnext": ("ConvNeXtTiny", "ConvNeXtSmall", "ConvNeXtBase", "ConvNeXtLarge", "ConvNeXtXLarge"),
    "densenet": ("DenseNet121", "DenseNet169", "DenseNet201"),
    "efficientnet": tuple(f"EfficientNetB{number}" for number in range(8)),
    "efficientnet_v2": tuple(f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", "S", "M", "L")),
    "imagenet_utils": (),
    "inception_resnet_v2": ("InceptionResNetV2",),
    "inception_v3": ("InceptionV3",),
    "mobilenet": ("MobileNet",),
    "mobilenet_v2": ("MobileNetV2",),
    "mobilenet_v3": ("MobileNetV3Small", "MobileNetV3Large"),
    "nasnet": ("NASNetMobile", "NASNetLarge"),
    "resnet": ("ResNet50", "ResNet101", "ResNet152"),
    "resnet_v2": ("ResNet50V2", "ResNet101V2", "ResNet152V2"),
    "vgg": ("VGG16", "VGG19"),
    "xception": ("Xception",),
}
"""The models of each text in `gen/language/applications/`."""
MODULES = {name: name for name in TEXTS if name != "vgg"} | {"vgg16": "vgg", "vgg19": "vgg", "resnet50": "resnet"}
"""The modules of `keras.applications`, with the text that has what is in each."""
MODELS = {model: text for text, models in TEXTS.items() for model in models}
"""The text of each model."""
PREPROCESSING = "preprocess_input"
"""What each module has besides its models: the numbers of pictures as the trained weights want them."""


def application(path: Sequence[str]) -> Application | None:
    """What is at a path of Keras that begins with `keras.applications`; None if gen has no such thing."""
    match tuple(path):
        case ("keras", "applications", name) if name in MODELS:
            return Application(name, MODELS[name])
        case ("keras", "applications", module, name) if module in MODULES:
            text = MODULES[module]
            return Application(name, text) if name == PREPROCESSING or name in TEXTS[text] else None
    return None


def names_in(path: Sequence[str]) -> list[str]:
    """What a module of `keras.applications` has, by its path; nothing for another module."""
    match tuple(path):
        case ("keras", "applications"):
            return list(MODELS)
        case ("keras", "applications", module) if module in MODULES:
            return [*TEXTS[MODULES[module]], PREPROCESSING]
    return []
