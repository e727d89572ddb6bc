using System.Threading.Channels;
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

    private readonly Channel<Letter> _letters = Channel.CreateBounded<Letter>(
        new BoundedChannelOptions(LengthMax) { SingleReader = true });

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

    /// <summary>Posts an input and waits for its answer.</summary>
    /// <exception cref="ActivationEndedException">The conversation is no longer here: activate it again.</exception>
    public async Task<T> AskAsync<T>(Action<Conversation, TaskCompletionSource<T>> input, CancellationToken token)
    {
        var answer = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            await _letters.Writer.WriteAsync(new Question<T>(input, answer), token);
        }
        catch (ChannelClosedException)
        {
            throw new ActivationEndedException();
        }

        return await answer.Task.WaitAsync(token);
    }

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
        Action<Conversation, TaskCompletionSource<T>> input, TaskCompletionSource<T> answer) : Letter
    {
        public override void Deliver(Conversation conversation)
        {
            try
            {
                input(conversation, answer);
            }
            catch (Conversations.Ports.ConversationException e)
            {
                answer.TrySetException(e);
            }
        }

        public override void Fail(Exception reason) => answer.TrySetException(reason);
    }
}

/// <summary>The activation that was asked has ended; another may begin.</summary>
internal sealed class ActivationEndedException() : Exception("The conversation's activation has ended.");
