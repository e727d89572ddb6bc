using System.Text;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Tests.Turns;

/// <summary>
/// A conversation that goes from model to model holds bytes for the two renderings that it used last, and no others.
/// </summary>
public sealed class RenderingsHeldTests
{
    // A model and its rendering have one name, which no other text of these tests holds.
    private static readonly string[] Names = ["amber", "birch", "cedar", "delta", "ember"];

    private readonly Dictionary<string, ScriptedBackend> _backends =
        Names.ToDictionary(static name => name, static name => new ScriptedBackend(name, name));

    private readonly ConversationDriver _driver;

    public RenderingsHeldTests() => _driver = new ConversationDriver([.. _backends.Values]);

    [Fact]
    public void Conversation_ThatUsedFiveRenderings_HoldsTheLastTwo()
    {
        ResponseId? last = null;
        var used = new List<string>();
        foreach (var name in Names.Concat(Names).Append("cedar"))
        {
            last = Say(name, last);
            used.Add(name);
            Assert.Equal(used.TakeLast(2).Order(), Held());
        }
    }

    [Fact]
    public void Bytes_OfFiveRenderings_AreThoseOfTwo()
    {
        ResponseId? last = null;
        for (var turn = 0; turn < 50; turn++)
        {
            last = Say(Names[turn % Names.Length], last);
        }

        var other = new RenderingsHeldTests();
        last = null;
        for (var turn = 0; turn < 50; turn++)
        {
            last = other.Say(Names[turn % 2], last);
        }

        // The few bytes more are the models' names.
        Assert.InRange(_driver.Snapshot().Length, 1, other._driver.Snapshot().Length * 1.01);
    }

    [Fact]
    public void Rendering_ThatWasDropped_IsMadeAgainAsItWas()
    {
        var last = Say("amber", null);
        foreach (var name in Names[1..])
        {
            last = Say(name, last);
        }

        var warm = ContextOf(last, "amber");
        _driver.Restart();

        Assert.Equal(ContextOf(last, "amber"), warm);
    }

    [Fact]
    public void Renderings_UsedInTurns_AreNotMadeAgain()
    {
        var last = Say("birch", Say("amber", null));
        for (var turn = 0; turn < 10; turn++)
        {
            var backend = _backends[turn % 2 == 0 ? "amber" : "birch"];
            var before = backend.RenderCalls;

            last = Say(backend.Rendering, last);

            // The answer of the turn before, which another backend rendered, its message, and the two of this turn.
            Assert.InRange(backend.RenderCalls - before, 2, 4);
        }
    }

    [Fact]
    public void RunningTurn_WhoseRenderingWasNotUsedSince_GoesOnWithIt()
    {
        var first = Say("amber", null);
        var running = Begin("amber", first);
        foreach (var name in Names[1..])
        {
            Say(name, first);
        }

        var before = _backends["amber"].RenderCalls;
        _driver.Answer(running);
        Assert.Equal(before + 1, _backends["amber"].RenderCalls);
        Assert.Equal(["amber", "delta", "ember"], Held());

        // Its bytes are those of a conversation that knew no other model; then they are dropped like any others.
        var warm = ContextOf(running, "amber");
        _driver.Answer(Begin("delta", running));
        _driver.Answer(Begin("ember", running));
        Assert.Equal(["delta", "ember"], Held());
        _driver.Restart();
        Assert.Equal(ContextOf(running, "amber"), warm);
    }

    [Fact]
    public void RunningTurns_OfFiveRenderings_HoldThemUntilTheyEnd()
    {
        var first = Say("amber", null);
        var running = Array.ConvertAll(Names, name => Begin(name, first));
        Array.ForEach(running, id => _driver.Answer(id));
        Assert.Equal(Names, Held());

        Say("ember", running[4]);

        Assert.Equal(["delta", "ember"], Held());
    }

    [Fact]
    public void Turn_WhoseEndIsBeingWritten_StillHoldsItsRendering()
    {
        var first = Say("amber", null);
        var ended = Begin("amber", first);
        _driver.Model(ended, [.. ConversationDriver.Message("late"), new ModelEvent(ModelEventKind.Completed)]);
        var others = Array.ConvertAll(Names[1..], name => Create(name, first));

        _driver.AppendAll();
        Array.ForEach(others, id => _driver.Answer(id));

        var warm = ContextOf(ended, "amber");
        _driver.Restart();
        Assert.Equal(ContextOf(ended, "amber"), warm);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Forks_OfOneTurn_HoldTwoRenderingsTogether(bool isStored)
    {
        var root = Say("amber", null, isStored);
        var forks = Array.ConvertAll(Names, name => Say(name, Say(name, root, isStored), isStored));
        Assert.Equal(["delta", "ember"], Held());

        foreach (var (fork, name) in forks.Zip(Names))
        {
            Say(name, fork, isStored);
        }

        Assert.Equal(["delta", "ember"], Held());
    }

    [Theory]
    [InlineData("cedar", "delta")]
    [InlineData("birch", "cedar")]
    [InlineData("amber", "cedar")]
    [InlineData("amber", "birch")]
    public void MovedConversation_ThatUsesOthers_HoldsTheLastTwo(string next, string afterThat)
    {
        var last = Say("birch", Say("amber", null));
        _driver.Move();
        Assert.Equal(["amber", "birch"], Held());

        Say(afterThat, Say(next, last));

        Assert.Equal([next, afterThat], Held());
    }

    [Fact]
    public void MovedConversation_ThatKeepsToOneModel_DropsWhatRunningTurnsLeft()
    {
        var first = Say("amber", null);
        var running = Array.ConvertAll(Names, name => Begin(name, first));
        Array.ForEach(running, id => _driver.Answer(id));
        _driver.Move();

        Say("amber", first);

        Assert.Equal(2, Held().Count());
        Assert.Contains("amber", Held());
    }

    /// <summary>The renderings whose bytes the conversation would take along; it must be at rest.</summary>
    private IEnumerable<string> Held()
    {
        var snapshot = Encoding.UTF8.GetString(_driver.Snapshot());
        return Names.Where(name => snapshot.Contains($"{name} 1: ", StringComparison.Ordinal));
    }

    private ResponseId Say(string model, ResponseId? previous, bool isStored = true)
    {
        var id = Create(model, previous, isStored);
        _driver.AppendAll();
        _driver.Answer(id);
        return id;
    }

    private ResponseId Begin(string model, ResponseId previous)
    {
        var id = Create(model, previous);
        _driver.AppendAll();
        return id;
    }

    private ResponseId Create(string model, ResponseId? previous, bool isStored = true)
    {
        var create = ConversationDriver.Json("hello", previous, isStored);
        return _driver.Create(create.Replace("\"m\"", $"\"{model}\"", StringComparison.Ordinal));
    }

    /// <summary>What the model would be called with next, which then ends without an answer.</summary>
    private string ContextOf(ResponseId previous, string model)
    {
        var id = Create(model, previous, isStored: false);
        var chunks = _driver.Calls[id.Turn].Context.Chunks();
        var context = string.Concat(chunks.Select(static chunk => Encoding.UTF8.GetString(chunk.Span)));
        _driver.Model(id, new ModelEvent(ModelEventKind.Completed));
        return context;
    }
}
