using System.Buffers.Binary;
using System.Text;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Tests.Turns;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Tests.Moving;

/// <summary>What a warm move takes along, when it may be made, and what it refuses.</summary>
public sealed class MovingTests
{
    [Fact]
    public void Dehydrate_WhileATurnRunsOrIsWritten_IsRefused()
    {
        var driver = new ConversationDriver();
        var id = driver.Create(ConversationDriver.Json("hi"));
        Assert.Throws<InvalidOperationException>(driver.Snapshot);
        driver.AppendAll();
        Assert.Throws<InvalidOperationException>(driver.Snapshot);
        driver.Model(id, new ModelEvent(ModelEventKind.Completed));
        Assert.Throws<InvalidOperationException>(driver.Snapshot);
        driver.AppendAll();
        Assert.NotEmpty(driver.Snapshot());
        driver.Conversation.OnAppendFailed();
        Assert.Throws<InvalidOperationException>(driver.Snapshot);
    }

    [Fact]
    public void Dehydrate_OfADeletedConversation_IsRefused()
    {
        var driver = new ConversationDriver();
        var id = driver.Say("hi");
        driver.Answer(id);
        driver.Conversation.Delete(id.Turn, default, driver.Now);
        driver.Take();
        driver.AppendAll();
        Assert.True(driver.Conversation.IsDeleted);
        Assert.Throws<InvalidOperationException>(driver.Snapshot);
    }

    [Fact]
    public void Rehydrate_InAnActivationThatHoldsSomething_IsRefused()
    {
        var driver = new ConversationDriver();
        driver.Answer(driver.Say("hi"));
        var snapshot = driver.Snapshot();
        Assert.Throws<InvalidOperationException>(() => driver.Conversation.Rehydrate(snapshot, driver.Now));
    }

    [Fact]
    public void Rehydrate_OfAnotherConversation_IsAFormatException()
    {
        var driver = new ConversationDriver();
        driver.Answer(driver.Say("hi"));
        foreach (var key in new[] { driver.Key with { Tenant = "other" }, driver.Key with { Id = new(43) } })
        {
            var other = Fresh(key);
            Assert.Throws<FormatException>(() => other.Rehydrate(driver.Snapshot(), driver.Now));
            Assert.True(other.IsEmpty);
        }
    }

    [Fact]
    public void Lease_OfAMovedConversation_EndsWhenItWouldHave()
    {
        var driver = new ConversationDriver();
        var id = driver.Say("hi", store: false);
        driver.Answer(id);
        driver.Now += Limits.LeaseDuration - TimeSpan.FromSeconds(10);
        driver.Move();
        Assert.Equal(driver.Now + TimeSpan.FromSeconds(10), driver.Effects.OfType<Effect.WakeAt>().Last().Time);

        driver.Now += TimeSpan.FromSeconds(9);
        driver.Conversation.OnTime(driver.Now);
        driver.Get(id);
        driver.Now += TimeSpan.FromSeconds(1);
        driver.Conversation.OnTime(driver.Now);
        Assert.Throws<ConversationException>(() => driver.Get(id));
    }

    [Fact]
    public void Lease_OfAProcessWhoseClockIsAhead_IsNoLongerThanARenewedOne()
    {
        var driver = new ConversationDriver();
        driver.Answer(driver.Say("hi", store: false));
        driver.Now -= TimeSpan.FromHours(1);
        driver.Move();
        Assert.Equal(driver.Now + Limits.LeaseDuration - Limits.LeaseLookTime,
            driver.Effects.OfType<Effect.WakeAt>().Last().Time);
    }

    [Fact]
    public void MovedConversation_BeforeItWrites_ClaimsOnce()
    {
        var driver = new ConversationDriver();
        var first = driver.Say("hi");
        driver.Answer(first);
        driver.Move();
        driver.Answer(driver.Say("more", first));
        Assert.Equal(1, driver.Conversation.Work.Claims);
        Assert.Contains(driver.Journal, entry => RecordFrames.Read(entry.Records, driver.Owner)[0] is Claimed);
        driver.Restart();
        Assert.Equal("completed", driver.Get(first).GetProperty("status").GetString());
    }

    [Fact]
    public void StaleDuplicate_ThatWritesFirst_TakesTheConversationBack()
    {
        var driver = new ConversationDriver();
        var first = driver.Say("hi");
        driver.Answer(first);
        var old = driver.Move();
        old.StartTurn(new StartTurn
        {
            Key = driver.Key,
            RequestId = 5,
            Lease = default,
            Create = Encoding.UTF8.GetBytes(ConversationDriver.Json("of the old one", first)),
        }, driver.Now);
        var append = old.TakeEffects().OfType<Effect.Append>().Single();
        Assert.Equal(append.End, driver.Conversation.End);
        driver.Create(ConversationDriver.Json("of the new one", first));
        Assert.Equal(append.End, driver.Append!.End);
    }

    [Fact]
    public void EvictedTurn_NobodyContinues_IsNotTakenAlong()
    {
        var driver = new ConversationDriver();
        var first = driver.Say("stays", store: false);
        driver.Answer(first);
        var second = driver.Say("a secret that goes", first, store: false);
        driver.Answer(second);
        Assert.Contains("a secret that goes", Encoding.UTF8.GetString(driver.Snapshot()));
        driver.Conversation.Delete(second.Turn, ConversationDriver.Lease, driver.Now);
        Assert.DoesNotContain("a secret that goes", Encoding.UTF8.GetString(driver.Snapshot()));
        driver.Move();
        driver.Get(first);
    }

    [Fact]
    public void Item_RenderedAsItIs_IsSentOnce()
    {
        var driver = new ConversationDriver(new ScriptedBackend("m", ScriptedBackend.Verbatim));
        driver.Answer(driver.Say(new string('x', 10_000)));
        Assert.InRange(driver.Snapshot().Length, 10_000, 11_000);
    }

    [Fact]
    public void Rendering_OfABackendThatIsNotThere_IsMadeAgain()
    {
        var driver = new ConversationDriver(new ScriptedBackend(), new ScriptedBackend("n", "noted"));
        var id = driver.Say("hi");
        driver.Answer(id);
        var other = new ScriptedBackend("m", "other");
        driver.Move(other);
        driver.Say("more", id);
        Assert.Equal((3, 3L), (other.RenderCalls, driver.Conversation.Work.Rendered));
    }

    [Fact]
    public void Snapshot_CutAnywhere_IsAFormatException()
    {
        var snapshot = Rich();
        for (var length = 0; length < snapshot.Length; length++)
        {
            Refused(snapshot[..length], mayBeTaken: false, $"cut to {length}");
        }

        Refused([.. snapshot, 0], mayBeTaken: false, "longer by one");
        Refused([3, .. snapshot[1..]], mayBeTaken: false, "of version 3");
    }

    [Fact]
    public void Snapshot_WithAnyByteFlipped_IsAFormatException()
    {
        var snapshot = Rich();
        for (var i = 0; i < snapshot.Length; i++)
        {
            snapshot[i] ^= (byte)(1 << (i % 8));
            Refused(snapshot, mayBeTaken: false, $"flipped at {i}");
            snapshot[i] ^= (byte)(1 << (i % 8));
        }
    }

    /// <summary>
    /// Damage that the checksum does not show, as a writer of another mind would make: refused, or taken as it is.
    /// </summary>
    [Fact]
    public void Snapshot_DamagedBelowItsChecksum_IsNothingWorseThanAFormatException()
    {
        var rounds = Environment.GetEnvironmentVariable("EVERGRAIN_LONG") is null ? 5_000 : 1_000_000;
        const int seed = 20261127;
        var (random, whole) = (new Random(seed), Rich());
        var taken = 0;
        for (var round = 0; round < rounds; round++)
        {
            var bytes = whole.ToArray();
            for (var flips = 1 + random.Next(3); flips > 0; flips--)
            {
                bytes[random.Next(1, bytes.Length - 4)] = random.Next(3) == 0 ? (byte)0xFF : (byte)random.Next(256);
            }

            var length = random.Next(3) == 0 ? random.Next(5, bytes.Length) : bytes.Length;
            BinaryPrimitives.WriteUInt32LittleEndian(
                bytes.AsSpan(length - 4), Crc32C.Compute(bytes.AsSpan(..(length - 4))));
            taken += Refused(bytes[..length], mayBeTaken: true, $"seed {seed}, round {round}") ? 0 : 1;
        }

        Assert.InRange(taken, 1, rounds - 1);
    }

    private static bool Refused(byte[] snapshot, bool mayBeTaken, string how)
    {
        var conversation = Fresh(new ConversationKey("default", new ConversationId(42)));
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            conversation.Rehydrate(snapshot, ConversationDriver.Start);
            Assert.True(mayBeTaken, $"{how}: it was taken");
            return false;
        }
        catch (FormatException)
        {
            Assert.True(conversation.IsEmpty, $"{how}: something was taken");
            return true;
        }
        catch (Exception e)
        {
            Assert.Fail($"{how}: {e}");
            throw;
        }
        finally
        {
            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(allocated < 100_000 + (200L * snapshot.Length), $"{how}: {allocated} bytes were allocated");
        }
    }

    private static byte[] Rich()
    {
        var life = new MovingLife(11);
        for (var steps = 0; steps < 14 || !life.Driver.Conversation.IsAtRest; steps++)
        {
            life.Step();
        }

        return life.Driver.Snapshot();
    }

    private static Conversation Fresh(ConversationKey key) =>
        new(key, 77, new ModelCatalog(MovingLife.Backends()), new SeededIdSource(3));
}
