using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Frontend.InProcess;

/// <summary>
/// One <see cref="Activation"/> behind a lock. An input runs on its caller's thread and never waits. Answers are given
/// outside the lock, on the same thread.
/// </summary>
internal sealed class LocalConversation : ActivationCalls, IActivationHost
{
    private readonly Lock _gate = new();
    private readonly bool _isChecked;
    private readonly InProcessContext _context;
    private readonly Activation _activation;
    private readonly ActivationWorld _world;
    private readonly TaskCompletionSource<Answer<bool>> _opened = new();
    private readonly TaskCompletionSource _gone = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private List<Action>? _answers;
    private long _lastUsed;
    private long _lastUse;
    private long _bytes;
    private bool _isIdle;
    private bool _isAtRest;
    private bool _keeps;

    public LocalConversation(ConversationKey key, InputChecks? checks, InProcessContext context)
        : base(checks, TaskCreationOptions.None, context.Host.Services.Time)
    {
        (Key, _isChecked, _context) = (key, checks is not null, context);
        Use();
        _world = new ActivationWorld(key, context.Host, this);
        _activation = new Activation(key, context.Host.Services, _world);
    }

    public ConversationKey Key { get; }

    /// <summary>When it was last asked something, as a timestamp.</summary>
    public long LastUsed => Volatile.Read(ref _lastUsed);

    /// <summary>The number of its last use among those of all conversations.</summary>
    public long LastUse => Volatile.Read(ref _lastUse);

    /// <summary>Whether it could go after its last input.</summary>
    public bool IsIdle => Volatile.Read(ref _isIdle);

    /// <summary>Whether histories may continue what only it holds, for a while yet.</summary>
    public bool Keeps => Volatile.Read(ref _keeps);

    /// <summary>Whether nothing ran there after its last input.</summary>
    public bool IsAtRest => Volatile.Read(ref _isAtRest);

    /// <inheritdoc/>
    public override Task<Answer<StartedTurn>> StartTurnAsync(StartTurn start, CancellationToken cancellationToken)
    {
        // The caller takes its buffer back when its call ends, and a check may outlast the call.
        var owned = !_isChecked ? start : start with { Create = start.Create.ToArray() };
        return base.StartTurnAsync(owned, cancellationToken);
    }

    /// <summary>Opens it. Its callers wait for that.</summary>
    public async Task OpenAsync()
    {
        var refusal = await _context.Host.Journal.ReadAsync(Key, _activation, CancellationToken.None);
        Feed(activation => activation.Open(refusal, _opened));
    }

    /// <summary>Lets it go if nothing needs it; ends when that is done or refused.</summary>
    public async Task LeaveIfIdleAsync()
    {
        await _opened.Task;
        var isOver = false;
        Feed(activation =>
        {
            activation.LeaveIfIdle();
            isOver = activation.Life == ActivationLife.Ended;
        });
        await (isOver ? _gone.Task : Task.CompletedTask);
    }

    /// <summary>Ends running turns, and the conversation when its readers have seen that or had time to.</summary>
    public async Task StopAsync()
    {
        await _opened.Task;
        Feed(static activation => activation.Stop());
        try
        {
            await _gone.Task.WaitAsync(_context.Options.StopGrace, _context.Host.Services.Time);
        }
        catch (TimeoutException)
        {
            Feed(static activation => activation.Leave());
            await _gone.Task;
        }
    }

    Task IActivationHost.TellAsync(Action<Activation> input)
    {
        Feed(input);
        return Task.CompletedTask;
    }

    Task IActivationHost.BesideAsync(Func<Task> work) => work();

    void IActivationHost.Answer(Action give) => (_answers ??= []).Add(give);

    void IActivationHost.Ended(ActivationEnd end) => _ = GoAsync();

    protected override ValueTask ReadyAsync(CancellationToken cancellationToken)
    {
        Use();
        return _opened.Task.IsCompleted ? default : new ValueTask(_opened.Task.WaitAsync(cancellationToken));
    }

    protected override async ValueTask<IDisposable?> EnterAsync(CancellationToken cancellationToken) =>
        await _context.Starts.EnterAsync(cancellationToken);

    // The next activation reads the journal, so it begins when this one has let go of it.
    protected override ValueTask ReplacedAsync(CancellationToken cancellationToken) =>
        new(_gone.Task.WaitAsync(cancellationToken));

    protected override void Feed(Action<Activation> input)
    {
        List<Action>? answers;
        lock (_gate)
        {
            input(_activation);
            var bytes = _activation.Life == ActivationLife.Ended ? 0 : _activation.Bytes;
            _context.Warm.Change(bytes - _bytes);
            (_bytes, answers, _answers) = (bytes, _answers, null);
            Volatile.Write(ref _isIdle, _activation.IsIdle);
            Volatile.Write(ref _keeps, _activation.Keeps);
            Volatile.Write(ref _isAtRest, _activation.IsAtRest || _activation.Life == ActivationLife.Ended);
        }

        AnswerQueue.Run(answers);
    }

    private void Use()
    {
        Volatile.Write(ref _lastUsed, _context.Host.Services.Time.GetTimestamp());
        Volatile.Write(ref _lastUse, _context.NextUse());
    }

    private async Task GoAsync()
    {
        try
        {
            await _world.EndAsync(_context.Options.CallEndTime);
        }
        finally
        {
            _context.Forget(this);
            _gone.SetResult();
        }
    }
}
