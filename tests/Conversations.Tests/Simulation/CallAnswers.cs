using System.Text;

namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>A call that a model made, as its client knows it.</summary>
/// <param name="Id">Its call id.</param>
/// <param name="IsAsync">Whether it may stay open, and may have several outputs.</param>
internal readonly record struct MadeCall(string Id, bool IsAsync);

/// <summary>The outputs that a client puts into a create: for the calls of its parent, and late ones.</summary>
internal sealed class CallAnswers(World world)
{
    private const int TurnsBackMax = 6;
    private readonly Agenda _agenda = world.Agenda;

    /// <summary>Outputs behind a turn: each synchronous call of it has one, unless the create is to be wrong.</summary>
    public List<byte[]> To(Errand? parent, bool isWrong)
    {
        var items = (parent?.Calls ?? []).Where(static call => !call.IsAsync).Select(static call => Output(call.Id))
            .ToList();
        if (isWrong && items.Count > 0 && _agenda.Chance(50))
        {
            items.RemoveAt(0);
        }
        else if (isWrong)
        {
            items.Add(Output(AnsweredBefore(parent) ?? "nobody"));
        }

        AnswerAsync(parent, items);
        return items;
    }

    private static byte[] Output(string call) =>
        Encoding.UTF8.GetBytes($$"""{"type":"function_call_output","call_id":"{{call}}","output":"done"}""");

    /// <summary>A synchronous call that the parent answered; null if it answered none.</summary>
    private string? AnsweredBefore(Errand? parent) =>
        parent?.Parent?.Calls.Find(static call => !call.IsAsync) is { Id: { } id } && _agenda.Chance(70) ? id : null;

    private void AnswerAsync(Errand? parent, List<byte[]> items)
    {
        var answered = new HashSet<string?>();
        for (var turn = parent; turn is not null; turn = turn.Parent)
        {
            answered.UnionWith(turn.Items.Select(static item => WireText.CallId(item)));
        }

        var turnsBack = 0;
        for (var turn = parent; turn is not null && turnsBack < TurnsBackMax; turn = turn.Parent, turnsBack++)
        {
            foreach (var call in turn.Calls.Where(static call => call.IsAsync))
            {
                Answer(call.Id, isLate: turnsBack > 0 || answered.Contains(call.Id), items);
                if (!answered.Contains(call.Id) && !items.Exists(item => WireText.CallId(item) == call.Id))
                {
                    world.Journal.Count(Fault.CallLeftOpen);
                }
            }
        }
    }

    private void Answer(string call, bool isLate, List<byte[]> items)
    {
        for (var outputs = 0; outputs < 2 && _agenda.Chance(isLate ? 15 : 35); outputs++)
        {
            items.Add(Output(call));
            if (isLate || outputs > 0)
            {
                world.Journal.Count(Fault.OutputComesLate);
            }
        }
    }
}
