using System.Threading.Channels;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;

namespace Evergrain.Frontend.Embedded;

/// <summary>
/// The bounded queue in front of one conversation. Whoever posts waits while it is full; once it is closed nothing
/// gets in, and what is still in it is failed.
/// </summary>
internal sealed class Mailbox
{
    // A running turn posts one event at a time and waits: this many callers may stand in line before they wait too.
    private const int LengthMax = 1024;

    // A letter to a conversation at rest is read on its sender's own thread: a turn takes some ten letters, and each
    // way through the thread pool costs as much as the letter's work. A conversation never waits inside a letter.
    private readonly Channel<Letter> _letters = Channel.CreateBounded<Letter>(
        new BoundedChannelOptions(LengthMax) { SingleReader = true, AllowSynchronousContinuations = true });

    /// <summary>Posts an input that nobody waits for; false: the conversation is no longer here.</summary>
    public async ValueTask<bool> TellAsync(Action<Conversation> input)
    {
        try
        {
            await _letters.Writer.WriteAsync(new Statement(input));
            return true;
        }
        catch (ChannelClosedException)
        {
            return false;
        }
    }

    /// <summary>
    /// Posts an input and waits for its answer. A cancelled input that was not delivered yet never will be: once this
    /// ends, however it ends, nothing reads what the caller handed over.
    /// </summary>
    /// <exception cref="ActivationEndedException">The conversation is no longer here: activate it again.</exception>
    public Task<T> AskAsync<T>(Action<Conversation, TaskCompletionSource<T>> input, CancellationToken token) =>
        PostAsync(new Question<T>(input, TaskCreationOptions.RunContinuationsAsynchronously, token), token);

    /// <summary>
    /// Asks likewise, for whoever does little with the answer before it waits again: it goes on at once, on
    /// the conversation's own thread, and not after a way through the thread pool. What it asks next is read when the
    /// conversation is done with this.
    /// </summary>
    public Task<T> AskBrieflyAsync<T>(Action<Conversation, TaskCompletionSource<T>> input, CancellationToken token) =>
        PostAsync(new Question<T>(input, TaskCreationOptions.None, token), token);

    /// <summary>Posts without waiting, for timers; false: full or closed.</summary>
    public bool TryTell(Action<Conversation> input) => _letters.Writer.TryWrite(new Statement(input));

    /// <summary>The next input; null once the mailbox is closed and empty.</summary>
    public async ValueTask<Letter?> NextAsync()
    {
        while (await _letters.Reader.WaitToReadAsync(CancellationToken.None))
        {
            if (_letters.Reader.TryRead(out var letter))
            {
                return letter;
            }
        }

        return null;
    }

    /// <summary>Whether nothing waits.</summary>
    public bool IsEmpty => _letters.Reader.Count == 0;

    /// <summary>Lets nothing in any more and fails what still waits.</summary>
    public void Close(Exception reason)
    {
        _letters.Writer.TryComplete();
        while (_letters.Reader.TryRead(out var letter))
        {
            letter.Fail(reason);
        }
    }

    private async Task<T> PostAsync<T>(Question<T> question, CancellationToken token)
    {
        try
        {
            await _letters.Writer.WriteAsync(question, token);
        }
        catch (ChannelClosedException)
        {
            throw new ActivationEndedException();
        }

        await using var registration = token.UnsafeRegister(static state => ((Question<T>)state!).Abandon(), question);
        return await question.Answer;
    }

    /// <summary>One input of a conversation.</summary>
    internal abstract class Letter
    {
        public abstract void Deliver(Conversation conversation);

        public abstract void Fail(Exception reason);
    }

    private sealed class Statement(Action<Conversation> input) : Letter
    {
        public override void Deliver(Conversation conversation) => input(conversation);

        public override void Fail(Exception reason)
        {
            // Nobody waits for it.
        }
    }

    private sealed class Question<T>(
        Action<Conversation, TaskCompletionSource<T>> input, TaskCreationOptions options, CancellationToken token)
        : Letter
    {
        private const int Waiting = 0, Delivering = 1, Delivered = 2, Abandoned = 3;
        private readonly TaskCompletionSource<T> _answer = new(options);
        private int _state;

        public Task<T> Answer => _answer.Task;

        /// <summary>Gives up: at once, or, while the input is being read, right after that.</summary>
        public void Abandon()
        {
            if (Interlocked.CompareExchange(ref _state, Abandoned, Waiting) != Delivering)
            {
                _answer.TrySetCanceled(token);
            }
        }

        public override void Deliver(Conversation conversation)
        {
            if (Interlocked.CompareExchange(ref _state, Delivering, Waiting) != Waiting)
            {
                return;
            }

            try
            {
                input(conversation, _answer);
            }
            catch (Exception e) when (e is ConversationException or ForeignItemsException or UnsettledException)
            {
                _answer.TrySetException(e);
            }
            catch (Exception e)
            {
                // A fault of ours: it ends the activation, and this caller must not wait for the next one.
                _answer.TrySetException(new ConversationException(
                    new Refusal(RefusalKind.Internal, "The request could not be processed."), e));
                throw;
            }

            Interlocked.Exchange(ref _state, Delivered);
            if (token.IsCancellationRequested)
            {
                _answer.TrySetCanceled(token);
            }
        }

        public override void Fail(Exception reason) => _answer.TrySetException(reason);
    }
}

/// <summary>The activation that was asked has ended; another may begin.</summary>
internal sealed class ActivationEndedException() : Exception("The conversation's activation has ended.");
