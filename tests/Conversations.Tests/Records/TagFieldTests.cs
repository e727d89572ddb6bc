using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Tests.Turns;

namespace Evergrain.Conversations.Tests.Records;

/// <summary>The tags of turns: in records, in ids, and on the way between processes.</summary>
public sealed class TagFieldTests
{
    private static readonly RecordField Note = new("acme.note", 0, "abc"u8.ToArray());

    private readonly ConversationDriver _driver = new();

    private IEnumerable<TurnStarted> Started => _driver.Journal
        .SelectMany(entry => RecordFrames.Read(entry.Records, _driver.Owner)).OfType<TurnStarted>();

    [Fact]
    public void Tag_IsReadAsItWasWritten_BesideOtherFields()
    {
        _driver.Say("hi");
        var written = Started.Single() with { Fields = [Note] };

        var bytes = RecordFrames.Write([written], _driver.Owner);
        var read = Assert.IsType<TurnStarted>(RecordFrames.Read(bytes, _driver.Owner)[0]);

        Assert.NotEqual(0, written.Tag);
        Assert.Equal((written.Tag, "acme.note"), (read.Tag, Assert.Single(read.Fields).Name));
        Assert.Equal(bytes.ToArray(), RecordFrames.Write([read], _driver.Owner).ToArray());
    }

    [Theory]
    [InlineData("")]
    [InlineData("01")]
    [InlineData("00000000")]
    [InlineData("FFFFFFFF")]
    [InlineData("0000000001")]
    public void Tag_ThatIsNone_IsDamage(string value)
    {
        _driver.Say("hi");
        var field = new RecordField("tag", RecordField.Critical, Convert.FromHexString(value));
        var bytes = RecordFrames.Write([Started.Single() with { Tag = 0, Fields = [field] }], _driver.Owner);

        Assert.Throws<JournalCorruptException>(() => RecordFrames.Read(bytes, _driver.Owner));
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, true)]
    public void Turns_HaveTagsFromFormat3On(int format, bool hasTag)
    {
        _driver.Format = format;
        var id = _driver.Say("hi");
        _driver.Answer(id);

        Assert.Equal(hasTag, id.Turn.Tag != 0);
        _driver.Restart();
        Assert.Equal($"{id}", _driver.Get(id).GetProperty("id").GetString());
    }

    [Fact]
    public void Number_OfATurnWithATag_NamesNothing()
    {
        var id = _driver.Say("hi");
        _driver.Answer(id);
        var bare = id with { Turn = TurnId.Stored(id.Turn.Number) };

        Assert.Throws<ConversationException>(() => _driver.Get(bare));
        Assert.Throws<ConversationException>(() => _driver.Say("more", bare));
    }

    [Fact]
    public void Turns_BegunInOneFormatAndContinuedInAnother_KeepTheirIds()
    {
        _driver.Format = 2;
        var old = _driver.Say("one");
        _driver.Answer(old);
        _driver.Format = 3;
        var next = _driver.Say("two", old);
        _driver.Answer(next);
        _driver.Restart();

        Assert.Equal((0, $"{old}"), (old.Turn.Tag, _driver.Get(next).GetProperty("previous_response_id").GetString()));
    }

    // A silo of a build without tags can read what has none.
    [Theory]
    [InlineData(2, 1)]
    [InlineData(3, 2)]
    public void Snapshot_HasTheFirstVersionThatHoldsIt(int format, byte version)
    {
        _driver.Format = format;
        var id = _driver.Say("hi");
        _driver.Answer(id);

        Assert.Equal(version, _driver.Snapshot()[0]);
        _driver.Move();
        Assert.Equal($"{id}", _driver.Get(id).GetProperty("id").GetString());
    }
}
