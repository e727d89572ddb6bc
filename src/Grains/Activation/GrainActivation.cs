using System.Runtime.CompilerServices;
using Evergrain.Conversations.Hosts;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Grains.Activation;

/// <summary>
/// An <see cref="Conversations.Hosts.Activation"/> on its grain's scheduler: each input runs there in one piece, and
/// what waits is waited for between two of them.
/// </summary>
internal sealed class GrainActivation : ActivationCalls, IActivationHost
{
    private readonly TaskScheduler _scheduler = TaskScheduler.Current;
    private readonly IGrainSeat _seat;
    private readonly BrokenOffReaders _brokenOff;
    private readonly List<Action> _answers = [];

    public GrainActivation(ConversationKey key, GrainServices services, IGrainSeat seat)
        : base(services.Checks, TaskCreationOptions.RunContinuationsAsynchronously, services.Host.Services.Time)
    {
        _seat = seat;
        World = new ActivationWorld(key, services.Host, this);
        Inner = new Conversations.Hosts.Activation(key, services.Host.Services, World);
        _brokenOff = new BrokenOffReaders(
            services.Options.ReaderGrace, services.Host.Services.Time, Detach, input => _ = OnSchedulerAsync(input));
    }

    public ActivationWorld World { get; }

    public Conversations.Hosts.Activation Inner { get; }

    /// <summary>Whether somebody is reading events here.</summary>
    public bool IsRead => _brokenOff.HasReading;

    /// <summary>Gives the activation one input, now.</summary>
    public void Input(Action<Conversations.Hosts.Activation> input) => Feed(input);

    /// <inheritdoc/>
    public override async IAsyncEnumerable<Answer<EventBatch>> ReadEventsAsync(TurnAddress turn, int from,
        ulong reader, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var attached = await AttachAsync(turn, from, cancellationToken);
        if (attached.Kind != AnswerKind.Given)
        {
            yield return attached;
            yield break;
        }

        _brokenOff.Begins(reader);
        var isOver = false;
        var isLast = false;
        try
        {
            while (!isOver)
            {
                var answer = await NextAsync(turn, from, cancellationToken);
                // A refused reader does not come back either.
                isLast = answer.Kind == AnswerKind.Refused || (answer.Kind == AnswerKind.Given && answer.Value.IsLast);
                isOver = answer.Kind != AnswerKind.Given || isLast;
                from += answer.Kind == AnswerKind.Given ? answer.Value.Events.Count : 0;
                yield return answer;
            }
        }
        finally
        {
            if (!_brokenOff.Ends(reader, turn.Response.Turn, isLast || Inner.Life == ActivationLife.Ended))
            {
                Detach(turn.Response.Turn);
            }

            _seat.AfterInput();
        }
    }

    /// <inheritdoc/>
    public override Task StopReadingAsync(ulong reader)
    {
        _brokenOff.SaysGoodbye(reader);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task TellAsync(Action<Conversations.Hosts.Activation> input) => OnSchedulerAsync(() => Feed(input));

    // Beside the grain's scheduler: what a journal starts must not run in one conversation's time.
    Task IActivationHost.BesideAsync(Func<Task> work) => Task.Run(work);

    void IActivationHost.Answer(Action give) => _answers.Add(give);

    void IActivationHost.Ended(ActivationEnd end) => _seat.Ended();

    protected override ValueTask ReadyAsync(CancellationToken cancellationToken)
    {
        _seat.Used();
        return default;
    }

    protected override ValueTask<IDisposable?> EnterAsync(CancellationToken cancellationToken) => default;

    // The router asks again, and Orleans routes to the next activation.
    protected override ValueTask ReplacedAsync(CancellationToken cancellationToken) => default;

    protected override void Feed(Action<Conversations.Hosts.Activation> input)
    {
        input(Inner);
        _answers.ForEach(static give => give());
        _answers.Clear();
        _seat.AfterInput();
    }

    private Task OnSchedulerAsync(Action run) => Task.Factory.StartNew(
        run, CancellationToken.None, TaskCreationOptions.DenyChildAttach, _scheduler);
}

/// <summary>What an activation's grain does around its inputs.</summary>
internal interface IGrainSeat
{
    /// <summary>A call came.</summary>
    void Used();

    /// <summary>An input was taken, and its answers given.</summary>
    void AfterInput();

    /// <summary>The activation has ended.</summary>
    void Ended();
}
