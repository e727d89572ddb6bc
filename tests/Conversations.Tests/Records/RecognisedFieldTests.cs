using System.Text;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Tests.Turns;

namespace Evergrain.Conversations.Tests.Records;

/// <summary>Turns whose parent the server found: in records, in responses, and on the way between processes.</summary>
public sealed class RecognisedFieldTests
{
    private static readonly RecordField Note = new("acme.note", 0, "abc"u8.ToArray());

    private readonly ConversationDriver _driver = new();

    [Fact]
    public void Field_IsReadAsItWasWritten_BesideOtherFields()
    {
        Continue();
        var started = _driver.Journal.SelectMany(entry => RecordFrames.Read(entry.Records, _driver.Owner))
            .OfType<TurnStarted>().ToList();
        Assert.Equal([false, true], started.Select(static record => record.IsRecognised));

        var bytes = RecordFrames.Write([started[1] with { Fields = [Note] }], _driver.Owner);
        var read = Assert.IsType<TurnStarted>(RecordFrames.Read(bytes, _driver.Owner)[0]);
        Assert.Equal((true, started[1].Tag), (read.IsRecognised, read.Tag));
        Assert.Equal("acme.note", Assert.Single(read.Fields).Name);
        Assert.Equal(bytes.ToArray(), RecordFrames.Write([read], _driver.Owner).ToArray());
    }

    [Fact]
    public void Response_NamesNoParent_LiveRecoveredAndMoved()
    {
        var id = Continue();
        var events = _driver.Events(id);
        Assert.Contains("\"previous_response_id\":null", events[^1], StringComparison.Ordinal);
        Assert.Contains(",\"items_known\":2,\"items_new\":1}", events[^1], StringComparison.Ordinal);
        _driver.Move();
        Assert.Equal(events, _driver.Events(id));
        _driver.Restart();
        Assert.Equal(events, _driver.Events(id));
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, true)]
    [InlineData(3, true)]
    public void Turn_IsContinuedWhereTheFormatHoldsTheField(int format, bool may)
    {
        _driver.Format = format;
        var id = _driver.Say("hi");
        Assert.False(MayContinue(id.Turn, default));
        _driver.Answer(id);
        var digest = Digest.From(Convert.FromHexString(
            _driver.Get(id).GetProperty("evergrain").GetProperty("digest").GetString()!));
        Assert.Equal(may, MayContinue(id.Turn, digest));
        Assert.False(MayContinue(id.Turn, default));
        Assert.False(MayContinue(TurnId.Stored(2, 7), digest));
    }

    private bool MayContinue(TurnId turn, Digest context) =>
        _driver.Conversation.MayContinue(turn, context);

    private ResponseId Continue()
    {
        var first = _driver.Say("one");
        _driver.Answer(first);
        var id = _driver.Begin(new StartTurn
        {
            Key = _driver.Key,
            RequestId = 77,
            Lease = ConversationDriver.Lease,
            Create = Encoding.UTF8.GetBytes(ConversationDriver.Json("two", first)),
            IsRecognised = true,
        });
        _driver.AppendAll();
        _driver.Answer(id);
        return id;
    }
}
