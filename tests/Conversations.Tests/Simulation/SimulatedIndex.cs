using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Recognition;

namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>
/// The index of histories that all hosts share. It is written behind, and never learns that a turn was deleted: what it
/// says is a hint.
/// </summary>
internal sealed class SimulatedIndex(Agenda agenda, Mistake mistake)
{
    private static readonly RecognitionScope Scope = RecognitionScope.Of("default", default, default, isStored: true);

    private readonly List<(Digest Key, ResponseId Response)> _ends = [];

    /// <summary>How often it named a turn with another key than was asked for.</summary>
    public int Misled { get; private set; }

    /// <summary>The key of a context.</summary>
    public static Digest KeyOf(Digest context) => Scope.KeyOf(context);

    /// <summary>The end of a turn is stored.</summary>
    public void Ended(ResponseId response, Digest context) =>
        agenda.In(agenda.Between(0, 300), null, () => _ends.Add((KeyOf(context), response)));

    /// <summary>The newest turn with a key; null: it knows none.</summary>
    public ResponseId? Find(Digest key)
    {
        var at = _ends.FindLastIndex(end => mistake.IsSameKey(end.Key, key));
        Misled += at >= 0 && _ends[at].Key != key ? 1 : 0;
        return at >= 0 ? _ends[at].Response : null;
    }

    /// <summary>Loses all that it holds.</summary>
    public void Drop() => _ends.Clear();
}

/// <summary>
/// A create that brings a history, on its way through a frontend: it finds the turn that the history continues, as
/// <see cref="RecognisingTurns"/> does, in virtual time.
/// </summary>
/// <param name="host">The host of the frontend.</param>
/// <param name="start">The create as it came.</param>
/// <param name="go">Gets the create that is to be started.</param>
internal sealed class SimulatedRecognition(SimulatedHost host, StartTurn start, Action<StartTurn> go)
{
    private const int LookUpsMax = 64;
    private const int OpenTime = 50;

    private readonly World _world = host.World;
    private bool _isDecided;

    public void Begin()
    {
        if (ResentHistory.Read(start) is { IsStored: true } history)
        {
            foreach (var end in history.Ends.Reverse().Take(LookUpsMax))
            {
                if (_world.Index.Find(history.Scopes[0].KeyOf(end.Context)) is { } turn)
                {
                    Ask(history, end, turn);
                    return;
                }
            }
        }

        go(start);
    }

    private void Ask(ResentHistory history, HistoryEnd end, ResponseId turn)
    {
        new HostRequest(host, start.Key with { Id = turn.Conversation }, (active, self) => active.Ask(
            self, (conversation, _) => _world.Mistake.MayContinue(conversation, turn.Turn, end.Context),
            may => self.Answer(may)),
            reply => Decide(reply.Value is true
                ? history.Continue(turn, end, new HistoryPlace(turn.Turn, end.Context, Rest: 0))
                : start)).Begin();
        _world.Agenda.In(OpenTime, host, () => Decide(start));
    }

    private void Decide(StartTurn next)
    {
        if (!_isDecided)
        {
            _isDecided = true;
            go(next);
        }
    }
}
