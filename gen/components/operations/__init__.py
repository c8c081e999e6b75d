"""Operations on tensors: the functions of `keras.ops`, one class each."""
