import keras
from keras import ops
class BahdanauAttention(keras.layers.Layer):
    def __init__(self, units):
        super(BahdanauAttention, self).__init__()
        self.W1 = keras.layers.Dense(units)
        self.W2 = keras.layers.Dense(units)
        self.V = keras.layers.Dense(1)
    def call(self, query, values):
        query_with_time_axis = ops.expand_dims(query, 1)
        score = self.V(ops.tanh(self.W1(query_with_time_axis) + self.W2(values)))
        attention_weights = ops.softmax(score, axis=1)
        context_vector = attention_weights * values
        context_vector = ops.sum(context_vector, axis=1)
        return context_vector, attention_weights
inp = keras.Input((10,))
x = keras.layers.Embedding(50, 8)(inp)
lstm = keras.layers.Bidirectional(keras.layers.LSTM(6, return_sequences=True), name="bi_lstm_0")(x)
(lstm, forward_h, forward_c, backward_h, backward_c) = keras.layers.Bidirectional(keras.layers.LSTM(6, return_sequences=True, return_state=True), name="bi_lstm_1")(lstm)
state_h = keras.layers.Concatenate()([forward_h, backward_h])
context_vector, attention_weights = BahdanauAttention(10)(state_h, lstm)
output = keras.layers.Dense(1, activation="sigmoid")(context_vector)
model = keras.Model(inputs=inp, outputs=output)
model.compile(loss='mse', optimizer='sgd')
