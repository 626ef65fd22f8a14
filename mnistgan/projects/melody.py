"""A singer for four voices: it hears what was sung so far, and sings the next notes.

An autoregressive model: the probability of a piece is a product, one factor for each
voice in each sixteenth, given all that came before (as in BachBot, Liang et al. 2017).
The GRU is that of Cho et al. 2014.
"""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers, losses

from mnistgan.datasets.chorales import BAR, HIGHEST, STEPS
from mnistgan.engine.bars import slow, steps_bar
from mnistgan.engine.keras_state import own_keras

LOW = HIGHEST - 64  # one key below a roll's bottom row
BATCH = 32  # pieces
SILENT, CHOICES = 65, 66  # choices: 0 goes on as before, 1 to 64 strike a key


def to_choices(notes: np.ndarray) -> np.ndarray:
    """Turns notes into what each voice decides in each step.

    Args:
        notes: `(pieces, 64, 4)`, int16, as in `mnistgan.datasets.chorales`.

    Returns:
        The same shape, int32, in 0..65: 0 to go on as before, 1 to 64 to strike the key
        26 to 89, 65 to fall silent.
    """
    quiet = (notes == 0) & (before(notes) != 0)
    quiet[:, 0] = notes[:, 0] == 0
    return np.where(quiet, SILENT, np.where(notes > 0, notes - LOW, 0)).astype("int32")


def before(notes: np.ndarray) -> np.ndarray:
    """The notes one step earlier; silence before the first."""
    return np.pad(notes[:, :-1], ((0, 0), (1, 0), (0, 0)))


def to_tokens(notes):
    """Numbers the sounds, for an embedding: 0 is silence, then 64 struck, 64 held."""
    return np.where(notes > 0, notes - LOW, np.where(notes < 0, 64 - LOW - notes, 0))


def inputs(notes: np.ndarray) -> list[np.ndarray]:
    """What the singer is told: the sounds before each step, and those of the step."""
    return [to_tokens(before(notes)), to_tokens(notes)]


def build_chorale_rnn(units: int = 192) -> keras.Model:
    """Builds the singer: the sounds so far in, logits of each voice's choices out.

    Args:
        units: How many numbers it remembers.

    Returns:
        A model from `inputs`, two arrays `(batch, 64, 4)`, int32, to logits
        `(batch, 64, 4, 66)`, float32. A voice hears all earlier steps, and in its own
        step the voices above it.
    """
    past, now = (keras.Input((STEPS, 4), dtype="int32") for _ in range(2))
    ear = layers.Embedding(129, 32, name="ear")
    clock = layers.Embedding(BAR, 8, name="clock")
    beat = clock(keras.ops.zeros_like(past[..., 0]) + np.arange(STEPS) % BAR)
    x = layers.Concatenate()([layers.Reshape((STEPS, 128))(ear(past)), beat])
    memory = layers.GRU(units, return_sequences=True, dropout=0.2, name="memory")(x)
    memory = layers.Dropout(0.3)(memory)  # (64, 192)
    above, sung = layers.Reshape((STEPS, 128))(ear(now)), []
    for voice in range(4):
        x = layers.Concatenate()([memory, beat, above[..., : 32 * voice]])
        sung.append(build_voice(voice, x.shape[-1])(x))
    return keras.Model([past, now], keras.ops.stack(sung, axis=2), name="chorale_rnn")


def build_voice(voice: int, size: int) -> keras.Model:
    """Builds the part of the singer that chooses for one voice, 0 to 3."""
    hidden, out = layers.Dense(128, "relu"), layers.Dense(CHOICES)
    parts = [keras.Input((None, size)), hidden, layers.Dropout(0.3), out]
    return keras.Sequential(parts, name=f"voice_{voice}")


@own_keras()
def fit(rnn: keras.Model, notes: np.ndarray, epochs: int = 8) -> list[float]:
    """Teaches the singer to foresee every choice, whatever went before is Bach's.

    Args:
        rnn: From `build_chorale_rnn`; it is changed.
        notes: `(pieces, 64, 4)`, int16, at least 32 pieces.
        epochs: Rounds through all the pieces.

    Returns:
        The loss of each epoch, in nats per choice, with dropout.
    """
    steps = epochs * -(-len(notes) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(3e-3, steps)
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    adam = keras.optimizers.Adam(rate, clipnorm=1.0)
    # On a CPU, XLA takes half as long again.
    rnn.compile(adam, loss, jit_compile=False)
    with steps_bar(steps) as watch:
        tokens, next_tokens = inputs(notes), to_choices(notes)
        kept = rnn.fit(tokens, next_tokens, BATCH, epochs, 0, callbacks=[watch])
    return kept.history["loss"]


@own_keras()
def nll(rnn: keras.Model, notes: np.ndarray) -> float:
    """How surprised is the singer by pieces, on average? The lower, the better.

    Returns:
        The negative log-likelihood of all choices, in nats per note that is struck.
    """
    logits = rnn.predict(inputs(notes), batch_size=64, verbose=0)
    costs = losses.sparse_categorical_crossentropy(to_choices(notes), logits, True)
    return float(np.sum(costs) / np.sum(notes > 0))


def markov_nll(notes: np.ndarray, train_notes: np.ndarray) -> float:
    """The `nll` of one who only counts: a baseline.

    For each voice, each place in the bar and each pitch sung just before, it counts how
    often each choice was made in the album, and adds 0.01 (a Markov chain).
    """
    counts = np.full((4, BAR, 128, CHOICES), 0.01)
    np.add.at(counts, (*contexts(train_notes), to_choices(train_notes)), 1)
    shares = counts / counts.sum(-1, keepdims=True)
    costs = -np.log(shares[(*contexts(notes), to_choices(notes))])
    return float(np.sum(costs) / np.sum(notes > 0))


def contexts(notes):
    """The voice, the place in the bar, and the pitch before, for each choice."""
    _, step, voice = np.indices(notes.shape, sparse=True)
    return np.broadcast_arrays(voice, step % BAR, np.abs(before(notes)))


def compose(
    rnn: keras.Model, count: int, seed: int = 0, temperature: float = 1.0
) -> np.ndarray:
    """Lets the singer sing: each choice is drawn from its probabilities, then heard.

    Args:
        rnn: From `build_chorale_rnn`, after `fit`.
        count: How many pieces.
        seed: The same seed gives the same pieces.
        temperature: Divides the logits: below 1 it plays safe, above 1 it takes risks.

    Returns:
        Notes `(count, 64, 4)`, int16.
    """
    ear, clock, memory = map(rnn.get_layer, ("ear", "clock", "memory"))
    voices = [rnn.get_layer(f"voice_{voice}") for voice in range(4)]

    @tf.function
    def listen(past, step, state):
        beat = tf.repeat(clock(step % BAR)[None], count, axis=0)
        x = tf.concat([tf.reshape(ear(past), (count, 128)), beat], axis=-1)
        return beat, memory.cell(x, [state], training=False)[0]

    @tf.function(reduce_retracing=True)
    def choose(voice, x, number):
        logits = voices[voice](x[:, None], training=False)[:, 0] / temperature
        return tf.random.stateless_categorical(logits, 1, (seed, number))[:, 0]

    notes = np.zeros((count, STEPS + 1, 4), np.int16)  # a silent step goes before
    state = tf.zeros((count, memory.units))
    for step in slow(range(STEPS), "Singing"):
        past = notes[:, step]
        beat, state = listen(to_tokens(past).astype("int32"), tf.constant(step), state)
        x = tf.concat([state, beat], axis=-1)
        for voice in range(4):
            choice = choose(voice, x, tf.constant(4 * step + voice)).numpy()
            held = -np.abs(past[:, voice])
            sung = np.select([choice == 0, choice == SILENT], [held, 0], choice + LOW)
            notes[:, step + 1, voice] = sung
            x = tf.concat([x, ear(to_tokens(sung).astype("int32"))], axis=-1)
    return notes[:, 1:]
