import keras
from keras import ops
from keras.layers import Layer, Input, LSTM, Dense, Bidirectional, Embedding
class AttentionLayer(Layer):
    def __init__(self, step_dim=20, W_regularizer=None, bias=True, **kwargs):
        self.supports_masking = True
        self.bias = bias
        self.step_dim = step_dim
        self.features_dim = 0
        super(AttentionLayer, self).__init__(**kwargs)
    def build(self, input_shape):
        assert len(input_shape) == 3
        self.W = self.add_weight(shape=(input_shape[-1], 1), initializer='glorot_uniform', name='att_W')
        self.b = self.add_weight(shape=(input_shape[1], 1), initializer='zeros', name='att_b')
        super(AttentionLayer, self).build(input_shape)
    def call(self, x, mask=None):
        e = ops.tanh(ops.matmul(x, self.W) + self.b)
        a = ops.softmax(e, axis=1)
        output = x * a
        return ops.sum(output, axis=1)
    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1])
inp = Input(shape=(7,))
x = Embedding(50, 16)(inp)
x = Bidirectional(LSTM(8, return_sequences=True))(x)
x = AttentionLayer(7)(x)
out = Dense(1, activation='sigmoid')(x)
model = keras.models.Model(inp, out)
model.compile(loss="mse", optimizer="sgd")
